//! A queue of two vectors. What is put in and taken out of a vector at its end is compiled for each kind of thing anyway; the ring
//! of the standard library costs a page 1 kB more for each kind.

/// First in, first out.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// Those at the front, the first one last.
    leaving: Vec<T>,
    /// Those behind them, in order.
    arriving: Vec<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for Queue<T> {
    fn from(arriving: Vec<T>) -> Self {
        Self { leaving: Vec::new(), arriving }
    }
}

impl<T> Queue<T> {
    pub(crate) fn len(&self) -> usize {
        self.leaving.len() + self.arriving.len()
    }

    /// Puts one in, behind all others.
    pub(crate) fn push(&mut self, last: T) {
        self.arriving.push(last);
    }

    /// Puts several in, in order.
    pub(crate) fn append(&mut self, mut last: Vec<T>) {
        self.arriving.append(&mut last);
    }

    /// Takes out the first.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.leaving.is_empty() {
            std::mem::swap(&mut self.leaving, &mut self.arriving);
            self.leaving.reverse();
        }
        self.leaving.pop()
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.leaving.iter().rev().chain(&self.arriving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out() {
        let mut queue = Queue::from(vec![1]);
        queue.append(vec![2, 3]);
        assert_eq!(queue.pop(), Some(1));
        queue.push(4);
        assert_eq!(queue.iter().copied().collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!((queue.len(), queue.pop(), queue.pop(), queue.pop(), queue.pop()), (3, Some(2), Some(3), Some(4), None));
    }
}
