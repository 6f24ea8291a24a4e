//! Pagination of lists.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::FieldErrors;

/// The maximum number of items on a page.
pub const PER_PAGE_MAX: u32 = 200;

/// The maximum size of the whole items of a page of sessions or drafts together, as JSON, in bytes.
/// An item beyond it is a summary.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The page number and page size of a request. Pages are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    page: u32,
    per_page: u32,
}

impl PageRequest {
    /// Creates a request for page `page` (from 1) with `per_page` items per page (1 to
    /// [`PER_PAGE_MAX`]).
    ///
    /// # Errors
    /// Names `page` or `perPage` if it is out of range.
    pub fn new(page: u32, per_page: u32) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if page == 0 {
            errors.add("page", "pages count from 1");
        }
        if per_page == 0 || per_page > PER_PAGE_MAX {
            errors.add("perPage", format!("must be from 1 to {PER_PAGE_MAX}"));
        }
        errors.into_result(Self { page, per_page })
    }

    /// Returns the first page with [`PER_PAGE_MAX`] items.
    #[must_use]
    pub const fn largest() -> Self {
        Self {
            page: 1,
            per_page: PER_PAGE_MAX,
        }
    }

    /// Returns the page number, from 1.
    #[must_use]
    pub const fn page(self) -> u32 {
        self.page
    }

    /// Returns the number of items per page.
    #[must_use]
    pub const fn per_page(self) -> u32 {
        self.per_page
    }

    /// Returns the number of items before this page.
    #[must_use]
    pub const fn offset(self) -> u64 {
        (self.page as u64 - 1) * self.per_page as u64
    }
}

impl Default for PageRequest {
    /// Returns the first page with 50 items.
    fn default() -> Self {
        Self {
            page: 1,
            per_page: 50,
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items of this page, in list order.
    pub items: Vec<T>,
    /// The number of items in the whole list, after filtering.
    pub total: u64,
    /// The number of the next page; absent on the last page and on pages after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page: Option<u32>,
}

impl<T> Page<T> {
    /// Creates the page for `request`, with `items` of a list of `total` items.
    #[must_use]
    pub fn new(items: Vec<T>, total: u64, request: PageRequest) -> Self {
        let seen = request.offset() + u64::from(request.per_page());
        // No next page if its number overflows: a client would request the same page again.
        let next_page = request.page().checked_add(1).filter(|_| seen < total);
        Self {
            items,
            total,
            next_page,
        }
    }

    /// Reads all pages of a list with `fetch` and returns them as one page.
    ///
    /// ```
    /// # use ah_rest_api_contract::{Page, Prompt, SessionId, TaskManager, TaskManagerError};
    /// # async fn run(manager: &dyn TaskManager, id: SessionId) -> Result<Vec<Prompt>, TaskManagerError> {
    /// let prompts = Page::all(|page| manager.list_prompts(id, page)).await?;
    /// # Ok(prompts.items)
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the error of `fetch` for the first page that fails.
    pub async fn all<E, F>(fetch: impl Fn(PageRequest) -> F) -> Result<Self, E>
    where
        F: Future<Output = Result<Self, E>>,
    {
        let mut request = PageRequest::largest();
        let mut all = fetch(request).await?;
        while let Some(next) = all.next_page {
            request.page = next;
            let page = fetch(request).await?;
            // A list that became shorter ends with an empty page.
            all.next_page = page.next_page.filter(|_| !page.items.is_empty());
            all.total = page.total;
            all.items.extend(page.items);
        }
        Ok(all)
    }

    /// Converts each item.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            total: self.total,
            next_page: self.next_page,
        }
    }

    /// Returns the page for `request` of a complete list.
    #[must_use]
    pub fn of_whole(list: Vec<T>, request: PageRequest) -> Self {
        let total = list.len() as u64;
        let before = usize::try_from(request.offset()).unwrap_or(usize::MAX);
        let items = list
            .into_iter()
            .skip(before)
            .take(request.per_page() as usize)
            .collect();
        Self::new(items, total, request)
    }
}

/// An item of a list that has a short form.
pub trait Summarized: Serialize {
    /// Returns the item without its large parts, marked as a summary.
    #[must_use]
    fn into_summary(self) -> Self;
}

/// The items of a page, added one by one, with at most [`PAGE_BYTES_MAX`] of whole items.
///
/// ```
/// # use ah_rest_api_contract::{BoundedItems, Draft, DraftContent, DraftId, PAGE_BYTES_MAX, Timestamp};
/// # let (id, now) = (DraftId::from_ulid(ulid::Ulid::nil()), Timestamp::from_unix_millis(0));
/// let draft = |bytes: usize| {
///     let content = DraftContent { prompt: Some("x".repeat(bytes).into()), ..Default::default() };
///     Draft::new(id, content, now, now)
/// };
/// let mut items = BoundedItems::default();
/// items.push(draft(PAGE_BYTES_MAX));
/// items.push(draft(10));
/// let items = items.into_items();
/// assert!(items[0].is_summary && !items[1].is_summary);
/// ```
#[derive(Clone, Debug)]
pub struct BoundedItems<T> {
    items: Vec<T>,
    bytes: usize,
}

impl<T> Default for BoundedItems<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            bytes: 0,
        }
    }
}

impl<T: Summarized> BoundedItems<T> {
    /// Adds the next item, as a summary if it does not fit.
    pub fn push(&mut self, item: T) {
        let mut size = BoundedCount {
            bytes: self.bytes,
            max: PAGE_BYTES_MAX,
        };
        match serde_json::to_writer(&mut size, &item) {
            Err(error) if error.is_io() => self.items.push(item.into_summary()),
            // An item that is no JSON is a defect, which the encoding of the page reports.
            Ok(()) | Err(_) => {
                self.bytes = size.bytes;
                self.items.push(item);
            }
        }
    }

    /// Returns the items in the order in which they were added.
    #[must_use]
    pub fn into_items(self) -> Vec<T> {
        self.items
    }
}

impl<T: Summarized> Extend<T> for BoundedItems<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T: Summarized> FromIterator<T> for BoundedItems<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut bounded = Self::default();
        bounded.extend(items);
        bounded
    }
}

/// The number of bytes that were written, up to a maximum. Writing more fails.
struct BoundedCount {
    bytes: usize,
    max: usize,
}

impl Write for BoundedCount {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > self.max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
