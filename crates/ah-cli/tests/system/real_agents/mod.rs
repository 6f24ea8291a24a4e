//! Real agent programs, with a scripted model on loopback.
//!
//! Each test is one function that runs for every agent. The deviations and limitations of an agent
//! are in its row of [`program`], with the reason, and are asserted like everything else. The table
//! in `docs/agents.md` describes them in words.

mod between_turns;
mod calls;
mod faults;
mod interrupts;
mod kills;
mod permissions;
mod program;
mod scene;
mod unattended;
mod work;

/// Generates the tests of each agent.
macro_rules! agents {
    ($($agent:ident)*) => {$(
        mod $agent {
            use crate::real_agents::{
                calls, faults, interrupts, kills, permissions, program, scene::play, unattended, work,
            };

            #[test]
            fn completes_several_turns() {
                play(program::$agent(), |scene| work::turn_by_turn(&scene));
            }

            #[test]
            fn ends_by_itself_without_a_follower() {
                play(program::$agent(), |scene| unattended::ends_by_itself(&scene));
            }

            #[test]
            fn requests_permission_and_follows_the_answer() {
                play(program::$agent(), |scene| permissions::asked_and_obeyed(&scene));
            }

            #[test]
            fn is_interrupted_and_stopped() {
                play(program::$agent(), |scene| interrupts::of_words_and_commands(&scene));
            }

            #[test]
            fn reports_model_errors() {
                play(program::$agent(), |scene| faults::of_the_model(&scene));
            }

            #[test]
            fn reuses_a_call_id_without_loss() {
                play(program::$agent(), |scene| calls::of_one_id(&scene));
            }

            #[test]
            fn requests_under_a_reused_id_are_judged_by_themselves() {
                play(program::$agent(), |scene| calls::judged(&scene));
            }

            #[test]
            fn outlives_the_access_point() {
                play(program::$agent(), kills::in_the_middle);
            }
        }
    )*};
}

agents! { opencode copilot gemini claude_acp codex_acp qwen }
