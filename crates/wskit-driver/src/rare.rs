use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

/// A part that few connections have.
///
/// It is dropped by a function of its own: the code that drops a connection is repeated in every part of a
/// program that holds one, and this code is not.
pub(crate) struct Rare<T>(ManuallyDrop<Option<Box<T>>>);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        None.into()
    }
}

impl<T> From<Option<Box<T>>> for Rare<T> {
    fn from(part: Option<Box<T>>) -> Self {
        Self(ManuallyDrop::new(part))
    }
}

impl<T> Deref for Rare<T> {
    type Target = Option<Box<T>>;

    #[inline]
    fn deref(&self) -> &Option<Box<T>> {
        &self.0
    }
}

impl<T> DerefMut for Rare<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Option<Box<T>> {
        &mut self.0
    }
}

impl<T> Drop for Rare<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(part) = self.0.take() {
            discard(part);
        }
    }
}

#[cold]
#[inline(never)]
fn discard<T>(part: Box<T>) {
    drop(part);
}
