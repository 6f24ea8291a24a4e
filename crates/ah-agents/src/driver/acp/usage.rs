//! The usage of turns, normalised over the different counts of agents.

use ah_rest_api_contract::Usage;
use serde_json::Value;

use super::quirks::UsageScope;

/// Token counts as in the contract: cached tokens are part of the input, and thought tokens part of
/// the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cached: Option<u64>,
}

impl Tokens {
    /// Reads ACP's `Usage`.
    ///
    /// Agents differ in whether the input includes cached tokens and the output includes thought
    /// tokens. The total decides: it selects the interpretation whose parts add up.
    pub(super) fn read(usage: &Value) -> Option<Self> {
        let count = |name: &str| usage[name].as_u64();
        let input = count("inputTokens")?;
        let output = count("outputTokens")?;
        let cached = count("cachedReadTokens");
        let apart = cached
            .unwrap_or(0)
            .saturating_add(count("cachedWriteTokens").unwrap_or(0));
        let thought = count("thoughtTokens").unwrap_or(0);
        let sum = |cached: u64, thought: u64| {
            input
                .saturating_add(output)
                .saturating_add(cached)
                .saturating_add(thought)
        };
        let readings = [(0, 0), (apart, 0), (apart, thought), (0, thought)];
        let total = count("totalTokens");
        let (cached_apart, thought_apart) = readings
            .into_iter()
            .find(|(cached, thought)| total == Some(sum(*cached, *thought)))
            // Without a matching total, the counts are used as they are.
            .unwrap_or((0, 0));
        Some(Self {
            input: input.saturating_add(cached_apart),
            output: output.saturating_add(thought_apart),
            cached,
        })
    }

    /// Reads counts with the field names of Gemini and OpenHands.
    pub(super) fn read_snake_case(counts: &Value) -> Option<Self> {
        Some(Self {
            input: counts["input_tokens"].as_u64()?,
            output: counts["output_tokens"].as_u64()?,
            cached: counts["cache_read_tokens"].as_u64(),
        })
    }

    fn plus(self, other: Self) -> Self {
        let cached = match (self.cached, other.cached) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cached,
        }
    }

    /// Returns the difference to `before`. A lower count means that counting restarted.
    fn since(self, before: Self) -> Self {
        if self.input < before.input || self.output < before.output {
            return self;
        }
        Self {
            input: self.input - before.input,
            output: self.output - before.output,
            cached: self
                .cached
                .map(|cached| cached.saturating_sub(before.cached.unwrap_or(0))),
        }
    }
}

/// Accumulates the usage of a session's turns.
#[derive(Debug)]
pub(super) struct Meter {
    scope: UsageScope,
    /// The session's count at the end of the last turn.
    session_before: Tokens,
    /// The latest count of the session that was reported outside of a turn's end.
    session_now: Option<Tokens>,
    /// The sum of this turn's requests that were reported individually.
    requests: Option<Tokens>,
    /// The used and the total size of the model's context, as last reported.
    context: Option<(u64, u64)>,
    context_told: Option<(u64, u64)>,
    /// The cost of the session so far, in US dollars.
    cost: Option<f64>,
    cost_before: f64,
}

impl Meter {
    pub(super) const fn new(scope: UsageScope) -> Self {
        Self {
            scope,
            session_before: Tokens {
                input: 0,
                output: 0,
                cached: None,
            },
            session_now: None,
            requests: None,
            context: None,
            context_told: None,
            cost: None,
            cost_before: 0.0,
        }
    }

    /// Handles a `usage_update`: the current context, and the cost of the session so far.
    pub(super) fn update(&mut self, update: &Value) {
        if let (Some(used), Some(size)) = (update["used"].as_u64(), update["size"].as_u64())
            // A context of size 0 means that the size is unknown, for example after an error.
            && used > 0
        {
            self.context = Some((used, size));
        }
        let cost = &update["cost"];
        if cost["currency"] == "USD"
            && let Some(amount) = cost["amount"].as_f64()
        {
            self.cost = Some(amount);
        }
    }

    /// Adds the usage of one request to the model.
    pub(super) fn request(&mut self, tokens: Tokens) {
        self.requests = Some(self.requests.unwrap_or_default().plus(tokens));
    }

    /// Sets the usage and cost of the session so far.
    pub(super) fn session(&mut self, tokens: Tokens, cost: Option<f64>) {
        self.session_now = Some(tokens);
        self.cost = cost.or(self.cost);
    }

    /// Ends the turn with its reported usage `counted`. `None` if nothing is known about its usage.
    pub(super) fn turn_ended(
        &mut self,
        counted: Option<Tokens>,
        model: Option<String>,
    ) -> Option<Usage> {
        let tokens = match (counted, self.requests.take(), self.session_now.take()) {
            (Some(counted), _, _) => Some(match self.scope {
                UsageScope::Turn | UsageScope::LastRequest => counted,
                UsageScope::Session => self.of_session(counted),
            }),
            (None, Some(requests), _) => Some(requests),
            (None, None, Some(session)) => Some(self.of_session(session)),
            (None, None, None) => None,
        };
        self.usage(tokens, model)
    }

    /// Returns the context if it changed outside of a turn.
    pub(super) fn context_change(&mut self, model: Option<String>) -> Option<Usage> {
        self.usage(None, model)
    }

    fn of_session(&mut self, session: Tokens) -> Tokens {
        let turn = session.since(self.session_before);
        self.session_before = session;
        turn
    }

    fn usage(&mut self, tokens: Option<Tokens>, model: Option<String>) -> Option<Usage> {
        let cost = self.cost.map(|cost| {
            let turn = (cost - self.cost_before).max(0.0);
            self.cost_before = cost;
            // The difference of two sums, rounded to a billionth to remove floating-point noise.
            (turn * 1e9).round() / 1e9
        });
        let context = self.context.filter(|_| self.context != self.context_told);
        self.context_told = self.context;
        let is_known = tokens.is_some_and(|tokens| tokens.input > 0 || tokens.output > 0)
            || cost.is_some_and(|cost| cost > 0.0)
            || context.is_some();
        let tokens = tokens.unwrap_or_default();
        is_known.then(|| Usage {
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cached_tokens: tokens.cached,
            cost_usd: cost,
            context_used: self.context.map(|(used, _)| used),
            context_size: self.context.map(|(_, size)| size),
            model,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tokens(input: u64, output: u64, cached: Option<u64>) -> Tokens {
        Tokens {
            input,
            output,
            cached,
        }
    }

    #[test]
    fn totals_are_split_into_their_parts() {
        for (who, usage, expected) in [
            (
                "Copilot: all that was cached is in the input, what was thought in the output",
                json!({"inputTokens": 3000, "outputTokens": 150, "totalTokens": 3150,
                       "thoughtTokens": 30, "cachedReadTokens": 600, "cachedWriteTokens": 0}),
                tokens(3000, 150, Some(600)),
            ),
            (
                "codex-acp: what was cached is apart",
                json!({"inputTokens": 2400, "outputTokens": 150, "totalTokens": 3150,
                       "thoughtTokens": 30, "cachedReadTokens": 600}),
                tokens(3000, 150, Some(600)),
            ),
            (
                "opencode: what was thought is apart as well",
                json!({"inputTokens": 800, "outputTokens": 40, "totalTokens": 1050,
                       "thoughtTokens": 10, "cachedReadTokens": 200}),
                tokens(1000, 50, Some(200)),
            ),
            (
                "a total that fits nothing",
                json!({"inputTokens": 8, "outputTokens": 4, "totalTokens": 99,
                       "cachedReadTokens": 2}),
                tokens(8, 4, Some(2)),
            ),
            (
                "no total",
                json!({"inputTokens": 8, "outputTokens": 4}),
                tokens(8, 4, None),
            ),
        ] {
            assert_eq!(Tokens::read(&usage), Some(expected), "{who}");
        }
        assert_eq!(Tokens::read(&json!(null)), None);
    }

    #[test]
    fn session_counts_become_turn_counts() {
        let mut meter = Meter::new(UsageScope::Session);
        let mut turn = |session| {
            let usage = meter.turn_ended(Some(session), None);
            usage.map(|usage| (usage.input_tokens, usage.output_tokens, usage.cached_tokens))
        };
        assert_eq!(turn(tokens(100, 10, None)), Some((100, 10, None)));
        assert_eq!(turn(tokens(150, 30, Some(5))), Some((50, 20, Some(5))));
        assert_eq!(turn(tokens(150, 30, Some(5))), None, "nothing was used");
        // A new process restarts counting.
        assert_eq!(turn(tokens(7, 1, None)), Some((7, 1, None)));
    }

    #[test]
    fn requests_add_up_and_costs_are_reported_once() {
        let mut meter = Meter::new(UsageScope::Turn);
        let cost = |amount| json!({"cost": {"amount": amount, "currency": "USD"}});
        meter.request(tokens(10, 1, Some(2)));
        meter.request(tokens(20, 2, Some(3)));
        meter.update(&cost(0.1));
        let usage = meter.turn_ended(None, None).unwrap();
        assert_eq!((usage.input_tokens, usage.cached_tokens), (30, Some(5)));
        assert_eq!(usage.cost_usd, Some(0.1));
        meter.update(&cost(0.3));
        meter.update(&json!({"cost": {"amount": 9.0, "currency": "EUR"}}));
        let usage = meter.turn_ended(None, None).unwrap();
        assert_eq!((usage.input_tokens, usage.cost_usd), (0, Some(0.2)));
        assert_eq!(meter.context_change(None), None);
    }
}
