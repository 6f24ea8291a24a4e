//! Schemas of pages: one schema per item type, with a reference to the schema of the item.

use std::borrow::Cow;

use utoipa::__dev::ComposeSchema;
use utoipa::ToSchema;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema};

use super::integer;
use crate::Page;

// The implementation that `derive(ToSchema)` generates for a generic type. The derived one would
// inline the schema of the item in each page.
impl<T: ToSchema> ComposeSchema for Page<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let items = ArrayBuilder::new()
            .items(Ref::from_schema_name(T::name()))
            .description(Some("The items of this page, in list order."));
        let total = integer(
            "The number of items in the whole list, after filtering.",
            0,
            i64::MAX as u64,
        );
        let next_page = integer(
            "The number of the next page; absent on the last page and on pages after it.",
            2,
            u64::from(u32::MAX),
        );
        let page = ObjectBuilder::new()
            .description(Some("One page of a list."))
            .property("items", items)
            .required("items")
            .property("total", total)
            .required("total")
            .property("nextPage", next_page);
        RefOr::T(Schema::from(page))
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Page")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}
