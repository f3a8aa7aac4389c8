//! Sets of owners, each kept once however many contents have it.

use std::collections::HashMap;

use crate::hash::FastHash;

/// A set of owners by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct OwnerSet(u32);

impl OwnerSet {
    /// Nobody: the content is dead.
    pub(crate) const NONE: Self = Self(0);

    /// For tables by set.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Default)]
struct Set {
    owners: Box<[u64]>,
    /// How many contents have it; the two that are remembered count as well.
    uses: u32,
}

/// All sets that some content has.
///
/// Neighbours mostly have the same owners: the last set that was asked for is remembered, and the last way from a set to
/// a smaller one.
#[derive(Debug)]
pub(crate) struct OwnerSets {
    sets: Vec<Set>,
    vacant: Vec<u32>,
    numbers: HashMap<Box<[u64]>, OwnerSet, FastHash>,
    last: OwnerSet,
    last_step: Step,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    from: OwnerSet,
    owner: u64,
    rest: OwnerSet,
}

const NO_STEP: Step = Step { from: OwnerSet::NONE, owner: 0, rest: OwnerSet::NONE };
const GIVEN: &str = "a set that was given out is there";

impl OwnerSets {
    pub(crate) fn new() -> Self {
        Self {
            sets: vec![Set::default()],
            vacant: Vec::new(),
            numbers: HashMap::default(),
            last: OwnerSet::NONE,
            last_step: NO_STEP,
        }
    }

    /// The set of these owners, for one more content.
    #[inline]
    pub(crate) fn take(&mut self, owners: &[u64]) -> OwnerSet {
        if self.owners(self.last) != owners {
            let set = self.find(owners);
            let before = std::mem::replace(&mut self.last, set);
            self.give_back(before);
        }
        self.use_again(self.last);
        self.last
    }

    /// One content less has this set.
    #[inline]
    pub(crate) fn give_back(&mut self, set: OwnerSet) {
        if set != OwnerSet::NONE {
            let found = self.sets.get_mut(set.index()).expect(GIVEN);
            found.uses -= 1;
            if found.uses == 0 {
                self.remove(set);
            }
        }
    }

    /// What a content has that had `set`, and that `owner` has given up; the same if it was not in there.
    #[inline]
    pub(crate) fn without(&mut self, set: OwnerSet, owner: u64) -> OwnerSet {
        if self.owners(set) == [owner] {
            self.give_back(set);
            return OwnerSet::NONE;
        }
        if self.last_step.from != set || self.last_step.owner != owner {
            if !self.has(set, owner) {
                return set;
            }
            self.remember_step(set, owner);
        }
        let rest = self.last_step.rest;
        self.use_again(rest);
        self.give_back(set);
        rest
    }

    /// The owners of a set, in the order in which they were given.
    #[inline]
    pub(crate) fn owners(&self, set: OwnerSet) -> &[u64] {
        &self.sets.get(set.index()).expect(GIVEN).owners
    }

    /// Whether somebody is in a set.
    #[inline]
    pub(crate) fn has(&self, set: OwnerSet, owner: u64) -> bool {
        self.owners(set).contains(&owner)
    }

    /// The sets that somebody is in.
    pub(crate) fn with(&self, owner: u64) -> Vec<OwnerSet> {
        let numbers = (0..).map(OwnerSet).zip(&self.sets);
        numbers.filter(|(_, set)| set.owners.contains(&owner)).map(|(number, _)| number).collect()
    }

    /// What there is to replace each set by, if some owners are not known; indexed by set.
    pub(crate) fn without_unknown(
        &mut self,
        is_known: impl Fn(u64) -> bool,
    ) -> Vec<Option<OwnerSet>> {
        let known: Vec<Option<Box<[u64]>>> = self
            .sets
            .iter()
            .map(|set| {
                let known = set.owners.iter().copied().filter(|&owner| is_known(owner));
                let known: Box<[u64]> = known.collect();
                (known.len() < set.owners.len()).then_some(known)
            })
            .collect();
        // Each answer counts as used once, so that it is there whatever becomes of the contents.
        known.into_iter().map(|known| known.map(|owners| self.find(&owners))).collect()
    }

    /// One more content has this set.
    #[inline]
    pub(crate) fn use_again(&mut self, set: OwnerSet) {
        if set != OwnerSet::NONE {
            self.sets.get_mut(set.index()).expect(GIVEN).uses += 1;
        }
    }

    #[cold]
    fn remember_step(&mut self, from: OwnerSet, owner: u64) {
        let rest: Vec<u64> =
            self.owners(from).iter().copied().filter(|&other| other != owner).collect();
        let rest = self.find(&rest);
        self.use_again(from);
        let before = std::mem::replace(&mut self.last_step, Step { from, owner, rest });
        self.give_back(before.from);
        self.give_back(before.rest);
    }

    /// The set of these owners, used once more.
    fn find(&mut self, owners: &[u64]) -> OwnerSet {
        if owners.is_empty() {
            return OwnerSet::NONE;
        }
        if let Some(&known) = self.numbers.get(owners) {
            self.use_again(known);
            return known;
        }
        let set = Set { owners: owners.into(), uses: 1 };
        let number = match self.vacant.pop() {
            Some(number) => {
                *self.sets.get_mut(number as usize).expect(GIVEN) = set;
                number
            }
            None => {
                self.sets.push(set);
                u32::try_from(self.sets.len() - 1).expect("memory holds fewer sets")
            }
        };
        self.numbers.insert(owners.into(), OwnerSet(number));
        OwnerSet(number)
    }

    #[cold]
    fn remove(&mut self, set: OwnerSet) {
        let gone = std::mem::take(self.sets.get_mut(set.index()).expect(GIVEN));
        self.numbers.remove(&gone.owners);
        self.vacant.push(set.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_are_one_and_unused_ones_go() {
        let mut sets = OwnerSets::new();
        let ab = sets.take(&[1, 2]);
        let c = sets.take(&[3]);
        assert_eq!(sets.take(&[1, 2]), ab);
        assert_ne!(ab, c);
        let b = sets.without(ab, 1);
        assert_eq!(sets.owners(b), [2]);
        assert_eq!(sets.without(b, 9), b);
        assert_eq!(sets.without(b, 2), OwnerSet::NONE);
        assert_eq!(sets.without(c, 3), OwnerSet::NONE);
        assert_eq!(sets.owners(ab), [1, 2]);
        assert_eq!(sets.without(ab, 2).index(), sets.take(&[1]).index());
    }

    #[test]
    fn memory_is_for_sets_in_use() {
        let mut sets = OwnerSets::new();
        for first in 0..10_000 {
            let set = sets.take(&[first, first + 1, first + 2]);
            let set = sets.without(set, first + 1);
            let set = sets.without(set, first);
            assert_eq!(sets.owners(set), [first + 2]);
            assert_eq!(sets.without(set, first + 2), OwnerSet::NONE);
        }
        assert!(sets.sets.len() < 10 && sets.numbers.len() < 10, "{}", sets.sets.len());
    }

    #[test]
    fn unknown_owners_are_left_out() {
        let mut sets = OwnerSets::new();
        let both = sets.take(&[1, 2]);
        let one = sets.take(&[1]);
        let two = sets.take(&[2]);
        let known = sets.without_unknown(|owner| owner == 1);
        assert_eq!(known[both.index()], Some(one));
        assert_eq!(known[two.index()], Some(OwnerSet::NONE));
        assert_eq!(known[one.index()], None);
    }
}
