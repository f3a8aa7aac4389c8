//! `x-consistent-hash`: to one destination, so that few keys move when destinations come and go.
//!
//! The binding key is the destination's weight, the number of its buckets on the ring. What is hashed is the routing
//! key, or the header or property that the arguments `hash-header` or `hash-property` name.

use std::sync::Arc;

use amqp::{ErlangBinary, FieldTable, FieldValueRef};

use super::{Binding, Destination, ExchangeType, RoutesBy, RoutingInput, stable_hash::StableHash};
use crate::Refusal;

/// The most buckets of one destination.
const WEIGHT_MAX: u32 = 10_000;

/// The most buckets of one exchange that get messages, so that [`jump`] stays within 64 bits.
const BUCKETS_MAX: u64 = 1 << 32;

#[derive(Debug)]
pub(super) struct ConsistentHash {
    hash_on: HashOn,
    /// In the order in which they were first bound, which is the order of their buckets.
    members: Vec<Member>,
    /// For each member, the number of buckets up to and with its own.
    buckets: Vec<u64>,
}

#[derive(Debug)]
enum HashOn {
    RoutingKey,
    Header(String),
    CorrelationId,
    MessageId,
    Timestamp,
}

#[derive(Debug)]
struct Member {
    destination: Destination,
    /// Of each of its bindings, in the order in which they were made. Only the first counts.
    weights: Vec<u32>,
}

impl ConsistentHash {
    pub(super) fn new(arguments: &FieldTable) -> Result<Self, Refusal> {
        let text = |key| {
            let value = arguments.get(key)?.as_long_string()?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let hash_on = match (text("hash-header"), text("hash-property")) {
            (None, None) => HashOn::RoutingKey,
            (Some(header), None) => HashOn::Header(header),
            (None, Some(property)) => match property.as_str() {
                "correlation_id" => HashOn::CorrelationId,
                "message_id" => HashOn::MessageId,
                "timestamp" => HashOn::Timestamp,
                _ => return Err(invalid(format!("Unsupported property: {property}"))),
            },
            (Some(_), Some(_)) => {
                let text = "hash-header and hash-property are mutually exclusive";
                return Err(invalid(text.to_owned()));
            }
        };
        Ok(Self { hash_on, members: Vec::new(), buckets: Vec::new() })
    }

    fn count_buckets(&mut self) {
        let mut total = 0;
        self.buckets.clear();
        self.buckets.extend(self.members.iter().map(|member| {
            total += member.weights.first().copied().map_or(0, u64::from);
            total
        }));
    }

    /// Messages without the header or property all go the same way.
    fn hash(&self, input: &RoutingInput<'_>) -> u64 {
        let mut hash = StableHash::new();
        let properties = input.properties;
        match &self.hash_on {
            HashOn::RoutingKey => hash.write(input.routing_key),
            HashOn::Header(name) => {
                if let Some(value) = input.headers.and_then(|headers| headers.get(name)) {
                    write_value(&mut hash, value);
                }
            }
            HashOn::CorrelationId => {
                hash.write(properties.correlation_id().ok().flatten().unwrap_or_default());
            }
            HashOn::MessageId => {
                hash.write(properties.message_id().ok().flatten().unwrap_or_default());
            }
            HashOn::Timestamp => {
                let secs = properties.timestamp().ok().flatten().unwrap_or_default();
                hash.write(&secs.to_be_bytes());
            }
        }
        hash.finish()
    }
}

impl ExchangeType for ConsistentHash {
    fn check_binding(&self, binding: &Binding) -> Result<(), Refusal> {
        weight(&binding.key).map(|_| ()).map_err(invalid)
    }

    fn add(&mut self, binding: &Arc<Binding>) {
        let Ok(weight) = weight(&binding.key) else { return };
        let known = self.members.iter_mut().find(|known| known.destination == binding.destination);
        match known {
            Some(member) => member.weights.push(weight),
            None => self
                .members
                .push(Member { destination: binding.destination.clone(), weights: vec![weight] }),
        }
        self.count_buckets();
    }

    fn remove(&mut self, binding: &Arc<Binding>) {
        let Ok(weight) = weight(&binding.key) else { return };
        let known = self.members.iter().position(|known| known.destination == binding.destination);
        let Some(place) = known else { return };
        let weights = &mut self.members[place].weights;
        if let Some(bound) = weights.iter().position(|&bound| bound == weight) {
            weights.remove(bound);
        }
        if weights.is_empty() {
            self.members.remove(place);
        }
        self.count_buckets();
    }

    fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        let Some(&total) = self.buckets.last() else { return };
        let bucket = jump(self.hash(input), total.min(BUCKETS_MAX));
        let place = self.buckets.partition_point(|&up_to| up_to <= bucket);
        out.extend(self.members.get(place).map(|member| member.destination.clone()));
    }

    fn routes_by(&self) -> RoutesBy {
        match self.hash_on {
            HashOn::RoutingKey => RoutesBy::Key,
            HashOn::Header(_) | HashOn::CorrelationId | HashOn::MessageId | HashOn::Timestamp => {
                RoutesBy::Properties
            }
        }
    }
}

/// Integers hash by value, whatever their width.
fn write_value(hash: &mut StableHash, value: FieldValueRef<'_>) {
    match value {
        FieldValueRef::LongString(bytes) | FieldValueRef::ByteArray(bytes) => hash.write(bytes),
        FieldValueRef::Array(array) => hash.write(array.as_bytes()),
        FieldValueRef::Table(table) => hash.write(table.as_bytes()),
        FieldValueRef::Bool(value) => hash.write(&[u8::from(value)]),
        FieldValueRef::F32(value) => hash.write(&f64::from(value).to_be_bytes()),
        FieldValueRef::F64(value) => hash.write(&value.to_be_bytes()),
        FieldValueRef::Decimal { scale, value } => {
            hash.write(&[scale]);
            hash.write(&value.to_be_bytes());
        }
        FieldValueRef::Timestamp(secs) => hash.write(&secs.to_be_bytes()),
        FieldValueRef::I8(_)
        | FieldValueRef::U8(_)
        | FieldValueRef::I16(_)
        | FieldValueRef::U16(_)
        | FieldValueRef::I32(_)
        | FieldValueRef::U32(_)
        | FieldValueRef::I64(_) => {
            hash.write(&value.as_integer().unwrap_or_default().to_be_bytes());
        }
        FieldValueRef::Void => hash.write(&[]),
    }
}

/// The weight that a binding key asks for, or why it is none.
fn weight(key: &[u8]) -> Result<u32, String> {
    let not_integer = || format!("The binding key must be an integer: {:#}", ErlangBinary(key));
    let (sign, digits) = match key {
        [sign @ (b'-' | b'+'), digits @ ..] => (*sign, digits),
        digits => (b'+', digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(not_integer());
    }
    let number =
        std::str::from_utf8(digits).map_err(|_| not_integer())?.parse().unwrap_or(u32::MAX);
    match number {
        _ if sign == b'-' => Err("The binding key must be greater than 0".to_owned()),
        0 => Err("The binding key must be greater than 0".to_owned()),
        1..=WEIGHT_MAX => Ok(number),
        _ => Err(format!("The binding key must not exceed {WEIGHT_MAX}")),
    }
}

/// The bucket, below `buckets`, of a hash: one more bucket takes its fair share of keys from all others and moves
/// no other key.
///
/// Lamping and Veach, *A Fast, Minimal Memory, Consistent Hash Algorithm* (2014), with the division in integers so
/// that no rounding differs between machines.
fn jump(hash: u64, buckets: u64) -> u64 {
    let mut state = hash;
    let mut bucket = 0;
    let mut next = 0;
    while next < buckets {
        bucket = next;
        state = state.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((bucket + 1) << 31) / ((state >> 33) + 1);
    }
    bucket
}

fn invalid(explanation: String) -> Refusal {
    Refusal::PreconditionFailed { explanation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_positive_integers() {
        assert_eq!(weight(b"1"), Ok(1));
        assert_eq!(weight(b"+010"), Ok(10));
        assert_eq!(weight(b"10000"), Ok(10_000));
        for (key, refused) in [
            ("", "The binding key must be an integer: <<>>"),
            ("abc", "The binding key must be an integer: <<\"abc\">>"),
            ("1.5", "The binding key must be an integer: <<\"1.5\">>"),
            ("0", "The binding key must be greater than 0"),
            ("-7", "The binding key must be greater than 0"),
            ("10001", "The binding key must not exceed 10000"),
            ("99999999999999999999", "The binding key must not exceed 10000"),
        ] {
            assert_eq!(weight(key.as_bytes()), Err(refused.to_owned()));
        }
    }

    #[test]
    fn a_new_bucket_takes_its_share_and_moves_nothing_else() {
        let keys = 10_000_u64;
        let mut moved = 0;
        for key in 0..keys {
            let hash = super::super::stable_hash::mix(key);
            let (before, after) = (jump(hash, 9), jump(hash, 10));
            assert!(after == before || after == 9);
            moved += u64::from(after != before);
        }
        assert!((900..1100).contains(&moved), "{moved}");
    }
}
