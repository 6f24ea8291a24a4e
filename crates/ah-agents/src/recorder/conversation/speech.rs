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

/// How many bytes a piece has, as far as it can have many.
fn size(piece: &ContentBlock) -> usize {
    match piece {
        ContentBlock::Text { text } => text.len(),
        ContentBlock::Image { uri, data, .. } => {
            [uri, data].into_iter().flatten().map(String::len).sum()
        }
        ContentBlock::Audio { data, .. } => data.len(),
        ContentBlock::Resource { resource } => {
            resource.uri.len() + resource.text.as_ref().map_or(0, String::len)
        }
        ContentBlock::ResourceLink { uri, .. } => uri.len(),
    }
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::Timestamp;
    use proptest::prelude::*;
    use tokio::time::Instant;

    use super::*;
    use crate::protocol::JournalEntry;
    use crate::recorder::clock::Identifiers;

    /// What is written down and what is shown of these pieces, each said in the voice of the whole.
    fn told(pieces: &[(Voice, u8, String)]) -> (Vec<EventPayload>, Vec<EphemeralEvent>) {
        let at = Moment {
            wall: Timestamp::from_unix_millis(0),
            tick: Instant::now(),
        };
        let (mut speech, mut effects) = (Speech::default(), Effects::default());
        let mut ids = Identifiers::counting();
        for (voice, whole, text) in pieces {
            let mut fresh = || MessageId::from_ulid(ids.fresh(at.wall));
            let (whole, piece) = (Some(whole.to_string()), ContentBlock::text(text));
            speech.hear(*voice, whole, piece, &mut fresh, at, &mut effects);
        }
        speech.finish(at, &mut effects);
        let events = effects
            .records
            .into_iter()
            .map(|record| match record.entry {
                JournalEntry::Event(event) => event,
                JournalEntry::Fact(fact) => panic!("{fact:?}"),
            });
        let shown = effects.ephemeral.into_iter().map(|(_, event)| event);
        (events.collect(), shown.collect())
    }

    fn message(event: &EventPayload) -> Option<(MessageId, String)> {
        match event {
            EventPayload::Message(message) => match &message.content[..] {
                [ContentBlock::Text { text }] => Some((message.message_id, text.clone())),
                other => panic!("{other:?}"),
            },
            _ => None,
        }
    }

    #[test]
    fn a_piece_of_something_else_ends_what_was_said() {
        let piece = |voice, whole, text: &str| (voice, whole, text.to_owned());
        let (events, _) = told(&[
            piece(Voice::InThought, 1, " hm"),
            piece(Voice::Aloud, 1, "a"),
            piece(Voice::Aloud, 1, ""),
            piece(Voice::Aloud, 1, "b"),
            piece(Voice::Aloud, 2, "c"),
            piece(Voice::InThought, 2, "\n"),
        ]);
        assert!(matches!(&events[0], EventPayload::Thought(it) if it.thought == "hm"));
        let messages: Vec<_> = events.iter().filter_map(message).map(|it| it.1).collect();
        assert_eq!((messages, events.len()), (vec!["ab".into(), "c".into()], 3));
    }

    #[test]
    fn what_is_said_without_end_becomes_several_messages() {
        let piece = (Voice::Aloud, 1, "x".repeat(WHOLE_BYTES_MAX / 3));
        let (events, _) = told(&vec![piece; 10]);
        let lengths: Vec<_> = events
            .iter()
            .filter_map(message)
            .map(|it| it.1.len())
            .collect();
        assert_eq!(lengths.len(), 4);
        assert!(lengths.iter().all(|length| *length <= WHOLE_BYTES_MAX));
        assert_eq!(lengths.iter().sum::<usize>(), WHOLE_BYTES_MAX / 3 * 10);
    }

    proptest! {
        /// What was shown in pieces is what is written down, message by message.
        #[test]
        fn the_pieces_of_a_message_are_the_message(
            pieces in prop::collection::vec((Just(Voice::Aloud), 0..3_u8, ".{0,4}"), 0..20),
        ) {
            let (events, shown) = told(&pieces);
            for (id, text) in events.iter().filter_map(message) {
                let deltas = shown.iter().filter_map(|event| match event {
                    EphemeralEvent::MessageDelta(it) if it.message_id == id => Some(&*it.delta),
                    _ => None,
                });
                prop_assert_eq!(deltas.collect::<String>(), text);
            }
            let all: String = events.iter().filter_map(message).map(|it| it.1).collect();
            let said: String = pieces.iter().map(|(_, _, text)| text.as_str()).collect();
            prop_assert_eq!(all, said);
        }
    }
}
