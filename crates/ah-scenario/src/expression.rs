//! The conditions of rules: `$name`, or a comparison of two values.

use crate::Defines;
use crate::defines::is_name_char;

/// A condition over defines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// True if the symbol is defined and is not `false`, `0` or empty.
    Holds(Operand),
    /// A comparison of two values; false if one of them is an undefined symbol.
    Compared(Operand, Comparison, Operand),
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Symbol(String),
    Text(String),
    /// A number, `true` or `false`, as written.
    Literal(String),
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const EXPECTED: &str = "`$name`, or a comparison such as `$name == 3` or `$name != 'text'`";

impl Expression {
    /// Parses an expression. An error describes the expected form.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let unreadable = || {
            format!(
                "expected {EXPECTED}, found `{}`",
                text.chars().take(80).collect::<String>()
            )
        };
        let (left, rest) = Operand::parse(text.trim()).ok_or_else(unreadable)?;
        if rest.is_empty() {
            return match left {
                Operand::Text(_) => Err(unreadable()),
                left => Ok(Self::Holds(left)),
            };
        }
        let (comparison, rest) = Comparison::parse(rest).ok_or_else(unreadable)?;
        match Operand::parse(rest.trim_start()) {
            Some((right, "")) => Ok(Self::Compared(left, comparison, right)),
            _ => Err(unreadable()),
        }
    }

    /// Returns true if the condition is met.
    pub(crate) fn holds(&self, defines: &Defines) -> bool {
        match self {
            Self::Holds(operand) => operand
                .value(defines)
                .is_some_and(|value| !matches!(value, "" | "0" | "false")),
            Self::Compared(left, comparison, right) => {
                match (left.value(defines), right.value(defines)) {
                    (Some(left), Some(right)) => comparison.holds(left, right),
                    _ => false,
                }
            }
        }
    }
}

impl Operand {
    /// Parses an operand, and returns the rest of the text without leading blanks.
    fn parse(text: &str) -> Option<(Self, &str)> {
        let first = text.chars().next()?;
        let (operand, rest) = match first {
            '$' => {
                let (name, rest) = split_while(&text[1..], is_name_char);
                (!name.is_empty()).then(|| (Self::Symbol(name.to_owned()), rest))?
            }
            '\'' | '"' => {
                let (inside, rest) = text[1..].split_once(first)?;
                (Self::Text(inside.to_owned()), rest)
            }
            _ => {
                let (word, rest) =
                    split_while(text, |c| is_name_char(c) || matches!(c, '.' | '-' | '+'));
                let is_literal = matches!(word, "true" | "false") || number(word).is_some();
                is_literal.then(|| (Self::Literal(word.to_owned()), rest))?
            }
        };
        Some((operand, rest.trim_start()))
    }

    fn value<'a>(&'a self, defines: &'a Defines) -> Option<&'a str> {
        match self {
            Self::Symbol(name) => defines.get(name),
            Self::Text(text) | Self::Literal(text) => Some(text),
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<(Self, &str)> {
        // Longer signs first, so that `<=` is not parsed as `<`.
        const SIGNS: [(&str, Comparison); 6] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        SIGNS
            .iter()
            .find_map(|(sign, comparison)| Some((*comparison, text.strip_prefix(sign)?)))
    }

    /// Compares numbers as numbers. Other values can only be equal or not.
    fn holds(self, left: &str, right: &str) -> bool {
        match (number(left), number(right)) {
            (Some(left), Some(right)) => match self {
                Self::Equal => left == right,
                Self::NotEqual => left != right,
                Self::Less => left < right,
                Self::LessOrEqual => left <= right,
                Self::Greater => left > right,
                Self::GreaterOrEqual => left >= right,
            },
            _ => match self {
                Self::Equal => left == right,
                Self::NotEqual => left != right,
                Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => false,
            },
        }
    }
}

/// Parses a finite number, but no word such as `inf`.
fn number(text: &str) -> Option<f64> {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number: &f64| number.is_finite())
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(expression: &str) -> bool {
        let defines = Defines::from_list("n=3,flag=true,off=false,zero=0,word=abc").unwrap();
        Expression::parse(expression).unwrap().holds(&defines)
    }

    #[test]
    fn symbol_is_true_if_defined_and_not_false() {
        assert!(holds("$flag") && holds("$n") && holds(" $word "));
        assert!(!holds("$off") && !holds("$zero") && !holds("$unknown"));
    }

    #[test]
    fn comparisons_support_numbers_and_texts() {
        assert!(holds("$n == 3") && holds("$n==3.0") && holds("$n != 4"));
        assert!(holds("$n < 10") && holds("$n <= 3") && holds("$n > -1") && holds("$n >= 3"));
        assert!(!holds("$n < 3") && !holds("$n > 3"));
        assert!(holds("$word == 'abc'") && holds("$word == \"abc\"") && holds("'b' != $word"));
        assert!(holds("$flag == true"));
        assert!(!holds("$word < 'b'"), "texts have no order here");
    }

    #[test]
    fn an_undefined_symbol_makes_every_comparison_false() {
        assert!(!holds("$unknown == 3") && !holds("$unknown != 3") && !holds("$unknown < 3"));
    }

    #[test]
    fn invalid_expression_error_names_the_expectation() {
        for text in [
            "",
            "$",
            "name",
            "$n = 3",
            "$n ==",
            "$n == 3 4",
            "$n == 'x",
            "'text'",
        ] {
            let error = Expression::parse(text).unwrap_err();
            assert!(
                error.starts_with("expected `$name`, or a comparison"),
                "{text}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            if let Ok(expression) = Expression::parse(&text) {
                expression.holds(&Defines::default());
            }
        }

        #[test]
        fn operator_characters_never_make_the_parser_panic(
            text in r#"[$'"=!<>a0.\- ]{0,20}"#
        ) {
            if let Ok(expression) = Expression::parse(&text) {
                expression.holds(&Defines::from_list("a=0").unwrap());
            }
        }

        #[test]
        fn numeric_comparison_matches_number_order(a in -1000i32..1000, b in -1000i32..1000) {
            let defines = Defines::from_list(&format!("a={a}")).unwrap();
            let holds = |sign: &str| {
                Expression::parse(&format!("$a {sign} {b}")).unwrap().holds(&defines)
            };
            prop_assert_eq!(holds("=="), a == b);
            prop_assert_eq!(holds("<"), a < b);
            prop_assert_eq!(holds(">="), a >= b);
        }
    }
}
