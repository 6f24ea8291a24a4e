//! Returning freed memory to the system.
//!
//! The allocator of glibc keeps freed memory for later use. After many readers of large events this
//! is several times what the server uses, and it stays until the server ends.

/// The free memory of the allocator from which some of it is returned, in bytes.
#[cfg(target_env = "gnu")]
const KEPT_MAX: usize = 16 * 1024 * 1024;

/// Returns the allocator's free memory to the system if there is much of it. `returned` is the
/// amount of free memory after the last return, which the allocator counts as free still.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the allocator of libc has no safe interface")]
pub(super) fn give_back(returned: &mut usize) {
    let free = free_bytes();
    if free <= KEPT_MAX || free.abs_diff(*returned) < KEPT_MAX / 16 {
        return;
    }
    // SAFETY: `malloc_trim` returns pages that hold no allocation, under the allocator's locks.
    unsafe { libc::malloc_trim(0) };
    *returned = free_bytes();
    tracing::debug!(free, "free memory was returned to the system");
}

/// Returns the allocator's free memory, modulo 4 GiB. The function without that limit, `mallinfo2`,
/// needs glibc 2.33, and programs for older systems would not link. At a multiple of 4 GiB, memory is
/// returned a moment later.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the allocator of libc has no safe interface")]
fn free_bytes() -> usize {
    // SAFETY: `mallinfo` reads the statistics of the allocator under its locks.
    let statistics = unsafe { libc::mallinfo() };
    statistics.fordblks.cast_unsigned() as usize
}

/// Does nothing: other allocators return free memory themselves.
#[cfg(not(target_env = "gnu"))]
pub(super) fn give_back(_returned: &mut usize) {}
