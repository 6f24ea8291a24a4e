//! Tests of page arithmetic at the limits.

use ah_rest_api_contract::{
    CONTEXT_LINES_MAX, DiffQuery, ErrorKind, PER_PAGE_MAX, Page, PageRequest, Problem,
    TaskManagerError,
};
use proptest::prelude::*;

#[test]
fn a_page_request_out_of_range_names_each_field() {
    let errors = PageRequest::new(0, 0).expect_err("both are out of range");
    assert_eq!(errors.get("page"), ["pages count from 1"]);
    assert_eq!(errors.get("perPage"), ["must be from 1 to 200"]);
    let errors = PageRequest::new(1, PER_PAGE_MAX + 1).expect_err("too large");
    assert_eq!(errors.get("perPage"), ["must be from 1 to 200"]);
    assert!(PageRequest::new(u32::MAX, PER_PAGE_MAX).is_ok());
    assert_eq!(
        PageRequest::default(),
        PageRequest::new(1, 50).expect("in range")
    );
    assert_eq!(PageRequest::largest().per_page(), PER_PAGE_MAX);
}

#[test]
fn last_representable_page_has_no_next() {
    let request = PageRequest::new(u32::MAX, 1).expect("in range");
    assert_eq!(request.offset(), u64::from(u32::MAX) - 1);
    let page = Page::new(vec![()], u64::MAX, request);
    assert_eq!(page.next_page, None);
}

#[test]
fn an_empty_list_has_one_empty_page() {
    let page = Page::<u8>::new(Vec::new(), 0, PageRequest::default());
    assert_eq!((page.total, page.next_page), (0, None));
}

#[test]
fn diff_query_paths_stay_inside_the_workspace() {
    let query = |file: &str| DiffQuery::new(vec![file.to_owned()], 3);
    for good in ["a", "a/b", "a/..b", "..."] {
        assert!(query(good).is_ok(), "{good}");
    }
    for bad in ["", "/etc/passwd", "..", "a/../../b", "a/.."] {
        let errors = query(bad).expect_err(bad);
        assert_eq!(errors.get("files").len(), 1, "{bad}");
    }
    let errors = DiffQuery::new(Vec::new(), CONTEXT_LINES_MAX + 1).expect_err("too many");
    assert_eq!(errors.get("context"), ["must be at most 10"]);
    assert!(DiffQuery::default().whole_files().full_file());
}

#[test]
fn kinds_and_type_uris_map_to_each_other() {
    for kind in ErrorKind::ALL {
        assert_eq!(ErrorKind::from_type_uri(&kind.type_uri()), Some(kind));
        let absolute = format!("https://example.org/docs{}", kind.type_uri());
        assert_eq!(ErrorKind::from_type_uri(&absolute), Some(kind));
        assert_eq!(Problem::new(kind, "").kind(), kind);
        // The kind of a problem with an unknown URI follows from its status, which keeps the class.
        let foreign = Problem {
            type_uri: "about:blank".to_owned(),
            ..Problem::new(kind, "")
        };
        assert_eq!(
            foreign.kind().status() / 100,
            kind.status() / 100,
            "{kind:?}"
        );
    }
    for uri in [
        "",
        "/errors/",
        "/errors/unheard-of",
        "validation",
        "/errors/validation/x",
    ] {
        assert_eq!(ErrorKind::from_type_uri(uri), None, "{uri}");
    }
}

#[test]
fn error_shows_its_detail_but_its_cause_is_not_serialized() {
    let cause = std::io::Error::other("the secret cause");
    let error = TaskManagerError::new(ErrorKind::Internal, "the store failed").caused_by(cause);
    assert_eq!(error.to_string(), "the store failed");
    let source = std::error::Error::source(&error).expect("a cause");
    assert_eq!(source.to_string(), "the secret cause");
    let wire = serde_json::to_string(error.problem()).expect("JSON");
    assert!(!wire.contains("secret"), "{wire}");
}

proptest! {
    #[test]
    fn following_next_pages_returns_every_item_once(total in 0_usize..900, per_page in 1..=PER_PAGE_MAX) {
        let list: Vec<usize> = (0..total).collect();
        let mut seen = Vec::new();
        let mut next = Some(1);
        while let Some(number) = next {
            let request = PageRequest::new(number, per_page).expect("in range");
            let start = usize::try_from(request.offset()).expect("small");
            let items: Vec<_> = list.iter().skip(start).take(per_page as usize).copied().collect();
            prop_assert!(total == 0 || !items.is_empty());
            let page = Page::new(items, total as u64, request);
            prop_assert_eq!(page.total, total as u64);
            next = page.next_page;
            seen.extend(page.items);
        }
        prop_assert_eq!(seen, list);
    }

    #[test]
    fn next_page_exists_if_and_only_if_items_remain(
        number in 1_u32.., per_page in 1..=PER_PAGE_MAX, total: u64,
    ) {
        let request = PageRequest::new(number, per_page).expect("in range");
        let page = Page::<()>::new(Vec::new(), total, request);
        let left = u128::from(number) * u128::from(per_page) < u128::from(total);
        prop_assert_eq!(page.next_page, number.checked_add(1).filter(|_| left));
    }
}
