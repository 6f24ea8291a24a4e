//! Messages and thoughts that arrive in chunks: shown chunk by chunk, recorded whole.

use ah_rest_api_contract::{
    ContentBlock, EphemeralEvent, EventPayload, Message, MessageDelta, MessageId, MessageRole,
    Thought, ThoughtDelta,
};

use super::{Channel, Effects, Moment};

/// The most bytes of one message or thought. A longer one becomes several, so that nothing is lost
/// and no record is too long for the journal.
const WHOLE_BYTES_MAX: usize = 256 * 1024;

/// The message or thought that is in progress.
#[derive(Debug, Default)]
pub(super) struct Speech {
    open: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    channel: Channel,
    /// The agent's own name of it.
    whole: Option<String>,
    id: MessageId,
    blocks: Vec<ContentBlock>,
    bytes: usize,
    /// The bytes of the text blocks.
    text_bytes: u64,
}

impl Speech {
    /// Adds a chunk. A chunk of something else finishes what is in progress.
    pub(super) fn add(
        &mut self,
        channel: Channel,
        whole: Option<String>,
        content: ContentBlock,
        new_id: impl FnOnce() -> MessageId,
        at: Moment,
        effects: &mut Effects,
    ) {
        let bytes = content.size_bytes();
        if bytes == 0 {
            // Some agents begin each message with an empty chunk.
            return;
        }
        let goes_on = self.open.as_ref().is_some_and(|open| {
            open.channel == channel && open.whole == whole && open.bytes + bytes <= WHOLE_BYTES_MAX
        });
        if !goes_on {
            self.finish(at, effects);
        }
        let open = self.open.get_or_insert_with(|| Partial {
            channel,
            whole,
            id: new_id(),
            blocks: Vec::new(),
            bytes: 0,
            text_bytes: 0,
        });
        if let ContentBlock::Text { text } = &content {
            let (offset, delta) = (open.text_bytes, text.clone());
            open.text_bytes += text.len() as u64;
            effects.ephemeral(match channel {
                Channel::Message => {
                    EphemeralEvent::MessageDelta(MessageDelta::new(open.id, offset, delta))
                }
                Channel::Thought => {
                    EphemeralEvent::ThoughtDelta(ThoughtDelta::new(open.id, offset, delta))
                }
            });
        }
        open.bytes += bytes;
        match (open.blocks.last_mut(), content) {
            (Some(ContentBlock::Text { text }), ContentBlock::Text { text: more }) => {
                text.push_str(&more);
            }
            (_, content) => open.blocks.push(content),
        }
    }

    /// Returns true if a message or thought is in progress.
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Records what is in progress, which is complete.
    pub(super) fn finish(&mut self, at: Moment, effects: &mut Effects) {
        let Some(whole) = self.open.take() else {
            return;
        };
        let event = match whole.channel {
            Channel::Message => {
                EventPayload::Message(Message::new(MessageRole::Assistant, whole.id, whole.blocks))
            }
            Channel::Thought => {
                let texts = whole.blocks.iter().filter_map(|block| match block {
                    ContentBlock::Text { text } => Some(text.as_str()),
                    _ => None,
                });
                let thought = texts.collect::<String>().trim().to_owned();
                if thought.is_empty() {
                    return;
                }
                EventPayload::Thought(Thought::new(thought))
            }
        };
        effects.event(at, event);
    }
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::Timestamp;
    use proptest::prelude::*;
    use std::time::Instant;

    use super::*;
    use crate::JournalEntry;
    use crate::turns::Identifiers;

    /// The records and the ephemeral events of these chunks.
    fn results(pieces: &[(Channel, u8, String)]) -> (Vec<EventPayload>, Vec<EphemeralEvent>) {
        let at = Moment {
            wall: Timestamp::from_unix_millis(0),
            tick: Instant::now(),
        };
        let (mut speech, mut effects) = (Speech::default(), Effects::default());
        let mut ids = Identifiers::seeded(0);
        for (channel, whole, text) in pieces {
            let mut new_id = || MessageId::from_ulid(ids.next(at.wall));
            let (whole, content) = (Some(whole.to_string()), ContentBlock::text(text));
            speech.add(*channel, whole, content, &mut new_id, at, &mut effects);
        }
        speech.finish(at, &mut effects);
        let events = effects
            .records
            .into_iter()
            .map(|record| match record.entry {
                JournalEntry::Event(event) => event,
                other => panic!("{other:?}"),
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
    fn chunk_of_another_channel_ends_the_message() {
        let piece = |voice, whole, text: &str| (voice, whole, text.to_owned());
        let (events, _) = results(&[
            piece(Channel::Thought, 1, " hm"),
            piece(Channel::Message, 1, "a"),
            piece(Channel::Message, 1, ""),
            piece(Channel::Message, 1, "b"),
            piece(Channel::Message, 2, "c"),
            piece(Channel::Thought, 2, "\n"),
        ]);
        assert!(matches!(&events[0], EventPayload::Thought(it) if it.thought == "hm"));
        let messages: Vec<_> = events.iter().filter_map(message).map(|it| it.1).collect();
        assert_eq!((messages, events.len()), (vec!["ab".into(), "c".into()], 3));
    }

    #[test]
    fn pieces_of_a_thought_are_numbered_by_their_bytes() {
        let piece = |voice, whole, text: &str| (voice, whole, text.to_owned());
        let (_, shown) = results(&[
            piece(Channel::Thought, 1, "hä"),
            piece(Channel::Thought, 1, "?"),
            piece(Channel::Thought, 2, "hm"),
        ]);
        let pieces: Vec<&ThoughtDelta> = shown
            .iter()
            .map(|event| match event {
                EphemeralEvent::ThoughtDelta(piece) => piece,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            [0, 3, 0],
            [0, 1, 2].map(|place: usize| pieces[place].offset)
        );
        assert_eq!(pieces[0].thought_id, pieces[1].thought_id);
        assert_ne!(pieces[1].thought_id, pieces[2].thought_id);
    }

    #[test]
    fn endless_output_is_split_into_messages() {
        let piece = (Channel::Message, 1, "x".repeat(WHOLE_BYTES_MAX / 3));
        let (events, _) = results(&vec![piece; 10]);
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
        /// The joined chunks that were shown are the recorded messages.
        #[test]
        fn deltas_of_a_message_add_up_to_it(
            pieces in prop::collection::vec((Just(Channel::Message), 0..3_u8, ".{0,4}"), 0..20),
        ) {
            let (events, shown) = results(&pieces);
            for (id, text) in events.iter().filter_map(message) {
                let mut joined = String::new();
                for event in &shown {
                    if let EphemeralEvent::MessageDelta(it) = event && it.message_id == id {
                        prop_assert_eq!(it.offset, joined.len() as u64);
                        joined.push_str(&it.delta);
                    }
                }
                prop_assert_eq!(joined, text);
            }
            let all: String = events.iter().filter_map(message).map(|it| it.1).collect();
            let joined: String = pieces.iter().map(|(_, _, text)| text.as_str()).collect();
            prop_assert_eq!(all, joined);
        }
    }
}
