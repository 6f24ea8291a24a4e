//! What an agent says in pieces: shown as they come, written down whole.

use ah_rest_api_contract::{
    ContentBlock, EphemeralEvent, EventPayload, Message, MessageDelta, MessageId, MessageRole,
    Thought, ThoughtDelta,
};

use super::Effects;
use crate::driver::Voice;
use crate::recorder::clock::Moment;

/// How much of one message or thought is put together, in bytes. What is longer becomes several:
/// nothing of it is lost, and none is too long for the journal.
const WHOLE_BYTES_MAX: usize = 256 * 1024;

/// What the agent is saying.
#[derive(Debug, Default)]
pub(super) struct Speech {
    open: Option<Utterance>,
}

#[derive(Debug)]
struct Utterance {
    voice: Voice,
    /// What the agent calls it.
    whole: Option<String>,
    id: MessageId,
    blocks: Vec<ContentBlock>,
    bytes: usize,
}

impl Speech {
    /// Hears a piece, and finishes what was said before when it is a piece of something else.
    pub(super) fn hear(
        &mut self,
        voice: Voice,
        whole: Option<String>,
        piece: ContentBlock,
        fresh: impl FnOnce() -> MessageId,
        at: Moment,
        effects: &mut Effects,
    ) {
        let bytes = size(&piece);
        if bytes == 0 {
            // Some agents begin each message with nothing.
            return;
        }
        let goes_on = self.open.as_ref().is_some_and(|open| {
            open.voice == voice && open.whole == whole && open.bytes + bytes <= WHOLE_BYTES_MAX
        });
        if !goes_on {
            self.finish(at, effects);
        }
        let open = self.open.get_or_insert_with(|| Utterance {
            voice,
            whole,
            id: fresh(),
            blocks: Vec::new(),
            bytes: 0,
        });
        if let ContentBlock::Text { text } = &piece {
            let delta = text.clone();
            let shown = match voice {
                Voice::Aloud => EphemeralEvent::MessageDelta(MessageDelta {
                    message_id: open.id,
                    delta,
                }),
                Voice::InThought => EphemeralEvent::ThoughtDelta(ThoughtDelta { delta }),
            };
            effects.ephemeral.push((effects.records.len(), shown));
        }
        open.bytes += bytes;
        match (open.blocks.last_mut(), piece) {
            (Some(ContentBlock::Text { text }), ContentBlock::Text { text: more }) => {
                text.push_str(&more);
            }
            (_, piece) => open.blocks.push(piece),
        }
    }

    /// What was being said is said.
    pub(super) fn finish(&mut self, at: Moment, effects: &mut Effects) {
        let Some(said) = self.open.take() else {
            return;
        };
        let event = match said.voice {
            Voice::Aloud => EventPayload::Message(Message {
                role: MessageRole::Assistant,
                message_id: said.id,
                content: said.blocks,
                author: None,
                delivery: None,
                prompt_id: None,
            }),
            Voice::InThought => {
                let texts = said.blocks.iter().filter_map(|block| match block {
                    ContentBlock::Text { text } => Some(text.as_str()),
                    _ => None,
                });
                let thought = texts.collect::<String>().trim().to_owned();
                if thought.is_empty() {
                    return;
                }
                EventPayload::Thought(Thought {
                    thought,
                    reasoning: None,
                })
            }
        };
        effects.event(at, event);
    }
}

/// How many bytes a piece has in its texts.
fn size(piece: &ContentBlock) -> usize {
    ah_rest_api_contract::PromptContent::new(vec![piece.clone()]).size_bytes()
}
