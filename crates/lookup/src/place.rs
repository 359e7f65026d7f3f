//! Making values where they stay.

/// Adds a value that is made once there is room for it, right there.
///
/// One that is handed to `push` is made elsewhere and copied, as room may have to be found while it exists. Where the parts of
/// a large value were written a moment before, the copy waits for each of them.
#[inline]
pub(crate) fn put<T>(into: &mut impl Extend<T>, make: impl FnOnce() -> T) {
    into.extend(std::iter::once_with(make));
}
