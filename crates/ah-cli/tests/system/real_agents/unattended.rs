//! Non-interactive sessions from the command line.

use crate::setting::{agent_processes, output_text};

use super::program::Fault;
use super::scene::{Scene, prompt};

pub(crate) fn ends_by_itself(scene: &Scene) {
    let unauthorized = match scene.program.unauthorized {
        Fault::Error(words) => words,
        other => panic!("{other:?} is no way to end"),
    };
    for (script, code, says) in [
        ("hello", 0, "Hello! I am a fake model."),
        ("unauthorized", 1, unauthorized),
    ] {
        let mut ah = scene.setting.ah(&[
            "task",
            "--follow",
            "--agent",
            scene.program.agent,
            &prompt(script, "nowhere"),
        ]);
        if let Some(model) = scene.program.choice {
            ah.args(["--model", model]);
        }
        let output = ah.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", output_text(&output));
        assert!(
            output_text(&output).contains(says),
            "{}",
            output_text(&output)
        );
        let list = scene.setting.json(&["session", "list"]);
        let session = &list["items"][0];
        let id = session["id"].as_str().unwrap();
        assert!(agent_processes(id).is_empty());
        if code == 0 {
            assert_eq!(session["status"], "completed", "{session:#}");
            assert_eq!(session["exitCode"], 0, "{session:#}");
        } else {
            assert_eq!(session["status"], "failed", "{session:#}");
            let reason = session["reason"].as_str().unwrap();
            assert!(reason.contains(says), "{session:#}");
        }
    }
}
