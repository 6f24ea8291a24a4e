//! Rules: conditional parts of a scenario.
//!
//! Any object of the document may contain `rules`. They are removed, and the `config` of every
//! matching rule is merged into the object, in order. A default config applies only if no rule
//! matches. Objects are merged by field, lists are appended, and other values are replaced. A list
//! item that contains only rules is replaced by their result: the items of a list, one object, or
//! nothing.

use crate::expression::Expression;
use crate::node::{Node, NodeKind};
use crate::{Defines, ScenarioError};

/// The condition of a rule.
enum When {
    Default,
    Holds(Expression),
}

/// Returns the document with all rules applied.
pub(crate) fn apply(node: &Node, defines: &Defines) -> Result<Node, ScenarioError> {
    Ok(applied(node, defines)?.unwrap_or_else(|| Node {
        place: node.place.clone(),
        kind: NodeKind::Map(Vec::new()),
    }))
}

/// Parses every rule of the document, so that errors are found independently of the defines.
pub(crate) fn check(node: &Node) -> Result<(), ScenarioError> {
    match &node.kind {
        NodeKind::List(items) => items.iter().try_for_each(check),
        NodeKind::Map(fields) => fields.iter().try_for_each(|(key, value)| {
            if is_rules(key, value) {
                value
                    .list()?
                    .iter()
                    .try_for_each(|rule| read(rule).map(drop))?;
            }
            check(value)
        }),
        _ => Ok(()),
    }
}

/// Applies the rules of a node. `None` for a node that contains only rules, none of which matches.
fn applied(node: &Node, defines: &Defines) -> Result<Option<Node>, ScenarioError> {
    let kind = match &node.kind {
        NodeKind::List(items) => NodeKind::List(applied_items(items, defines)?),
        NodeKind::Map(fields) => return applied_map(node, fields, defines),
        other => other.clone(),
    };
    Ok(Some(Node {
        place: node.place.clone(),
        kind,
    }))
}

fn applied_items(items: &[Node], defines: &Defines) -> Result<Vec<Node>, ScenarioError> {
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        let was_map = matches!(item.kind, NodeKind::Map(_));
        match applied(item, defines)? {
            Some(Node {
                kind: NodeKind::List(spliced),
                ..
            }) if was_map => list.extend(spliced),
            Some(item) => list.push(item),
            None => {}
        }
    }
    Ok(list)
}

fn applied_map(
    node: &Node,
    fields: &[(String, Node)],
    defines: &Defines,
) -> Result<Option<Node>, ScenarioError> {
    let mut own = Vec::with_capacity(fields.len());
    let mut rules = None;
    for (key, value) in fields {
        if is_rules(key, value) {
            rules = Some(value);
        } else if let Some(value) = applied(value, defines)? {
            own.push((key.clone(), value));
        }
    }
    let only_rules = own.is_empty() && rules.is_some();
    let mut result = (!only_rules).then(|| Node {
        place: node.place.clone(),
        kind: NodeKind::Map(own),
    });
    for config in rules
        .map(|rules| chosen(rules, defines))
        .transpose()?
        .unwrap_or_default()
    {
        let Some(config) = applied(config, defines)? else {
            continue;
        };
        result = Some(match result {
            None => config,
            Some(base) => merge(base, config)?,
        });
    }
    Ok(result)
}

/// Returns true for a list named `rules`. A field of that name with another type belongs to the
/// author.
fn is_rules(key: &str, value: &Node) -> bool {
    key == "rules" && matches!(value.kind, NodeKind::List(_))
}

/// Returns the matching configs, in order.
fn chosen<'a>(rules: &'a Node, defines: &Defines) -> Result<Vec<&'a Node>, ScenarioError> {
    let mut met = Vec::new();
    let mut defaults = Vec::new();
    for rule in rules.list()? {
        match read(rule)? {
            (When::Default, config) => defaults.push(config),
            (When::Holds(expression), config) if expression.holds(defines) => met.push(config),
            (When::Holds(_), _) => {}
        }
    }
    Ok(if met.is_empty() { defaults } else { met })
}

fn read(rule: &Node) -> Result<(When, &Node), ScenarioError> {
    let config = rule.required("config")?;
    let when = match (rule.field("when"), rule.field("default")) {
        (Some(when), None) => {
            let expression =
                Expression::parse(when.text()?).map_err(|problem| when.invalid(problem))?;
            When::Holds(expression)
        }
        (None, Some(default)) if default.boolean()? => When::Default,
        _ => return Err(rule.invalid("a rule has either `when` or `default: true`")),
    };
    Ok((when, config))
}

fn merge(base: Node, over: Node) -> Result<Node, ScenarioError> {
    let kind = match (base.kind, over.kind) {
        (NodeKind::Map(mut fields), NodeKind::Map(more)) => {
            for (key, value) in more {
                match fields.iter().position(|(known, _)| *known == key) {
                    Some(index) => {
                        let known = fields[index].1.clone();
                        fields[index].1 = merge(known, value)?;
                    }
                    None => fields.push((key, value)),
                }
            }
            NodeKind::Map(fields)
        }
        (NodeKind::List(mut items), NodeKind::List(more)) => {
            items.extend(more);
            NodeKind::List(items)
        }
        (NodeKind::Map(_), _) => {
            return Err(ScenarioError::Invalid {
                place: over.place,
                problem: "expected an object, to be merged into one".to_owned(),
            });
        }
        (_, over) => over,
    };
    Ok(Node {
        place: base.place,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resolved(document: Value, defines: &str) -> Value {
        let node = Node::from_value(document, String::new());
        apply(&node, &Defines::from_list(defines).unwrap())
            .unwrap()
            .to_value()
    }

    #[test]
    fn matching_rules_merge_in_order_without_the_default() {
        let document = json!({
            "name": "x", "list": [0],
            "rules": [
                {"when": "$a", "config": {"name": "a", "list": [1], "deep": {"a": 1, "both": 1}}},
                {"when": "$b", "config": {"list": [2], "deep": {"b": 2, "both": 2}}},
                {"default": true, "config": {"name": "default"}},
            ],
        });
        assert_eq!(
            resolved(document.clone(), "a,b"),
            json!({"name": "a", "list": [0, 1, 2], "deep": {"a": 1, "both": 2, "b": 2}})
        );
        assert_eq!(
            resolved(document.clone(), "b"),
            json!({"name": "x", "list": [0, 2], "deep": {"b": 2, "both": 2}})
        );
        assert_eq!(
            resolved(document, ""),
            json!({"name": "default", "list": [0]})
        );
    }

    #[test]
    fn rules_in_a_list_yield_items_an_object_or_nothing() {
        let document = json!({"timeline": [
            {"rules": [{"when": "$many", "config": [1, 2]}]},
            {"rules": [{"when": "$one", "config": {"log": "one"}}]},
            3,
        ]});
        assert_eq!(
            resolved(document.clone(), "many,one"),
            json!({"timeline": [1, 2, {"log": "one"}, 3]})
        );
        assert_eq!(resolved(document, ""), json!({"timeline": [3]}));
    }

    #[test]
    fn rules_can_replace_a_value_and_nest() {
        let document = json!({
            "delay": {"rules": [
                {"when": "$slow", "config": {"rules": [
                    {"when": "$very", "config": 1000}, {"default": true, "config": 100},
                ]}},
                {"default": true, "config": 1},
            ]},
            "gone": {"rules": [{"when": "$never", "config": 1}]},
        });
        assert_eq!(
            resolved(document.clone(), "slow,very"),
            json!({"delay": 1000})
        );
        assert_eq!(resolved(document.clone(), "slow"), json!({"delay": 100}));
        assert_eq!(resolved(document, ""), json!({"delay": 1}));
    }

    #[test]
    fn rules_field_that_is_no_list_is_kept() {
        let document = json!({"args": {"rules": "be kind"}});
        assert_eq!(resolved(document.clone(), ""), document);
    }

    #[test]
    fn invalid_rule_is_reported_regardless_of_defines() {
        let faulty = |rule: Value| {
            let node = Node::from_value(json!({"timeline": [{"rules": [rule]}]}), String::new());
            check(&node).unwrap_err().to_string()
        };
        assert_eq!(
            faulty(json!({"when": "a b", "config": {}})),
            "scenario is not valid at `timeline[0].rules[0].when`: expected `$name`, or a \
             comparison such as `$name == 3` or `$name != 'text'`, found `a b`"
        );
        assert_eq!(
            faulty(json!({"config": {}})),
            "scenario is not valid at `timeline[0].rules[0]`: a rule has either `when` or \
             `default: true`"
        );
        assert_eq!(
            faulty(json!({"when": "$a"})),
            "scenario is not valid at `timeline[0].rules[0]`: `config` is missing"
        );
    }
}
