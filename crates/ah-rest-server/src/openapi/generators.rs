//! Changes of the document for generators of clients, which support less than the standard.
//!
//! The variants of a union get a name and, if they have a tag, a discriminator: generators number
//! the types of nameless ones. A member with one value is a constant. Free-form objects say so:
//! generators take `{}` for an object without fields. Default values are described in words:
//! generators take a member with a default for one that is always present, which it is not in
//! requests.

use ah_rest_api_contract::{ErrorKind, Problem};
use serde_json::Value;
use utoipa::ToSchema as _;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Discriminator, SchemaType};
use utoipa::openapi::{Object, OneOf, OpenApi as Document, Ref, RefOr, Schema, Type};

/// Changes a document for generators.
pub(super) fn adapt(document: &mut Document) {
    let schemas = &mut document.components.get_or_insert_default().schemas;
    let mut variants = Vec::new();
    for (name, schema) in schemas.iter_mut() {
        if let RefOr::T(Schema::OneOf(union)) = schema {
            variants.extend(name_variants(name, union));
        }
    }
    schemas.extend(variants);
    for schema in schemas.values_mut() {
        visit(schema, &mut adapt_object);
    }
    if let Some(RefOr::T(Schema::Object(problem))) = schemas.get_mut(&*Problem::name())
        && let Some(RefOr::T(Schema::Object(kind))) = problem.properties.get_mut("type")
    {
        let kinds = ErrorKind::ALL.into_iter();
        kind.enum_values = Some(kinds.map(|kind| Value::from(kind.type_uri())).collect());
    }
}

/// Replaces each variant that is a whole object by a reference. Returns the variants by their names,
/// which begin with that of the union.
fn name_variants(union: &str, schema: &mut OneOf) -> Vec<(String, RefOr<Schema>)> {
    let tag = tag_of(schema);
    let mut mapping = Vec::new();
    let mut named = Vec::new();
    for item in &mut schema.items {
        let RefOr::T(Schema::Object(object)) = item else {
            continue;
        };
        let word = tag
            .as_deref()
            .and_then(|tag| word_of(object, tag).map(str::to_owned));
        let suffix = object
            .title
            .clone()
            .or_else(|| word.as_deref().map(pascal_case));
        let Some(suffix) = suffix else { continue };
        let name = format!("{union}{suffix}");
        // Generators prefer a title to a name, and two unions may have variants of the same title.
        object.title = None;
        let reference = Ref::from_schema_name(name.as_str());
        if let Some(word) = word {
            mapping.push((word, reference.ref_location.clone()));
        }
        named.push((name, std::mem::replace(item, RefOr::Ref(reference))));
    }
    if let Some(tag) = tag {
        schema.discriminator = Some(Discriminator::with_mapping(tag, mapping));
    }
    named
}

/// Returns the property that has one value in each variant, and another one in each.
fn tag_of(schema: &OneOf) -> Option<String> {
    let mut objects = schema.items.iter().map(|item| match item {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    });
    let first = objects.next()??;
    let others: Vec<&Object> = objects.collect::<Option<_>>()?;
    first.properties.keys().find_map(|property| {
        let mut words = vec![word_of(first, property)?];
        for other in &others {
            let word = word_of(other, property)?;
            if words.contains(&word) {
                return None;
            }
            words.push(word);
        }
        Some(property.clone())
    })
}

/// Returns the only value of a required property.
fn word_of<'a>(object: &'a Object, property: &str) -> Option<&'a str> {
    let RefOr::T(Schema::Object(value)) = object.properties.get(property)? else {
        return None;
    };
    match value.enum_values.as_deref()? {
        [Value::String(word)] if object.required.iter().any(|name| name == property) => Some(word),
        _ => None,
    }
}

fn pascal_case(word: &str) -> String {
    let upper = |part: &str| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    word.split('_').map(upper).collect()
}

fn adapt_object(object: &mut Object) {
    let is_object = matches!(&object.schema_type, SchemaType::Type(Type::Object))
        || matches!(&object.schema_type, SchemaType::Array(types) if types.contains(&Type::Object));
    if is_object && object.properties.is_empty() && object.additional_properties.is_none() {
        object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(true)));
    }
    if let Some([value]) = object.enum_values.as_deref() {
        let constant = ("const".to_owned(), value.clone());
        object.extensions.get_or_insert_default().extend([constant]);
        object.enum_values = None;
    }
    if let Some(default) = object.default.take() {
        let text = object.description.take().unwrap_or_default();
        object.description = Some(with_default(&text, &default));
    }
}

fn with_default(description: &str, default: &Value) -> String {
    format!("{description} Default: `{default}`.")
        .trim_start()
        .to_owned()
}

/// Calls `change` with each object of a schema, the outer ones first.
fn visit(schema: &mut RefOr<Schema>, change: &mut impl FnMut(&mut Object)) {
    let schema = match schema {
        RefOr::T(schema) => schema,
        RefOr::Ref(reference) => {
            if let Some(default) = reference.default.take() {
                reference.description = with_default(&reference.description, &default);
            }
            return;
        }
    };
    match schema {
        Schema::Object(object) => {
            change(object);
            for property in object.properties.values_mut() {
                visit(property, change);
            }
            if let Some(AdditionalProperties::RefOr(values)) =
                object.additional_properties.as_deref_mut()
            {
                visit(values, change);
            }
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                visit(items, change);
            }
        }
        Schema::OneOf(union) => visit_all(&mut union.items, change),
        Schema::AllOf(all) => visit_all(&mut all.items, change),
        Schema::AnyOf(any) => visit_all(&mut any.items, change),
        // The variants of the other versions of the standard.
        _ => {}
    }
}

fn visit_all(items: &mut [RefOr<Schema>], change: &mut impl FnMut(&mut Object)) {
    for item in items {
        visit(item, change);
    }
}
