//! A set of destinations, each counted as often as it is bound.

use std::collections::BTreeMap;

use super::Destination;

/// How many destinations a plain list serves well.
const FEW: usize = 16;

/// Destinations in order, with how many bindings lead to each. Small while there are few, and quick to change when
/// there are many: tens of thousands of queues may be bound alike.
#[derive(Debug)]
pub(super) enum Destinations {
    Few(Vec<(Destination, u32)>),
    Many(BTreeMap<Destination, u32>),
}

impl Default for Destinations {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Destinations {
    pub(super) fn add(&mut self, destination: &Destination) {
        match self {
            Self::Few(list) => match list.binary_search_by(|(found, _)| found.cmp(destination)) {
                Ok(place) => list[place].1 += 1,
                Err(place) if list.len() < FEW => list.insert(place, (destination.clone(), 1)),
                Err(_) => {
                    let mut map: BTreeMap<_, _> = list.drain(..).collect();
                    map.insert(destination.clone(), 1);
                    *self = Self::Many(map);
                }
            },
            Self::Many(map) => match map.get_mut(destination) {
                Some(count) => *count += 1,
                None => {
                    map.insert(destination.clone(), 1);
                }
            },
        }
    }

    pub(super) fn remove(&mut self, destination: &Destination) {
        match self {
            Self::Few(list) => {
                let found = list.binary_search_by(|(found, _)| found.cmp(destination));
                let Ok(place) = found else { return };
                list[place].1 -= 1;
                if list[place].1 == 0 {
                    list.remove(place);
                }
            }
            Self::Many(map) => {
                let Some(count) = map.get_mut(destination) else { return };
                *count -= 1;
                if *count == 0 {
                    map.remove(destination);
                }
                // Not at the same size as on the way up, or one queue that comes and goes would copy the set each
                // time.
                if map.len() <= FEW / 2 {
                    *self = Self::Few(std::mem::take(map).into_iter().collect());
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(list) => list.is_empty(),
            Self::Many(map) => map.is_empty(),
        }
    }

    pub(super) fn append_to(&self, out: &mut Vec<Destination>) {
        match self {
            Self::Few(list) => out.extend(list.iter().map(|(destination, _)| destination.clone())),
            Self::Many(map) => out.extend(map.keys().cloned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(index: usize) -> Destination {
        Destination::Queue(format!("q{index:03}").into())
    }

    #[test]
    fn each_shows_once_however_often_it_is_bound() {
        let mut set = Destinations::default();
        for index in (0..100).rev() {
            set.add(&queue(index));
            set.add(&queue(index));
        }
        let mut out = Vec::new();
        set.append_to(&mut out);
        assert_eq!(out, (0..100).map(queue).collect::<Vec<_>>());
        for index in 0..100 {
            set.remove(&queue(index));
            out.clear();
            set.append_to(&mut out);
            assert_eq!(out.len(), 100);
        }
        for index in 0..100 {
            set.remove(&queue(index));
            out.clear();
            set.append_to(&mut out);
            assert_eq!(out, (index + 1..100).map(queue).collect::<Vec<_>>());
        }
        assert!(set.is_empty());
        set.remove(&queue(0));
    }
}
