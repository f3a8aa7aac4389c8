//! Messages that follow from their names, so that whoever gets one can tell every changed byte.

use std::{fmt, str::FromStr};

use pillarbox_client::{FieldTable, FieldValue, Properties, ShortString};

use crate::{
    random::Random,
    topology::{DELAY_MS_MAX, QueueIndex, ROUTES, RouteIndex},
};

/// How many of a hundred messages may be lost at a restart, because they are not persistent.
const TRANSIENT_SHARE: u64 = 8;
/// Headers that a broker adds to dead letters and to what it delivers again.
const ADDED_PREFIXES: &[&str] =
    &["x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count"];
/// A header whose value the exchange that holds messages back may turn around.
const DELAY_HEADER: &str = "x-delay";

/// The name of a message, from which all the rest of it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    /// Whose message it is: no two publishers have the same session.
    pub session: u32,
    /// Its number among those of the session, ascending.
    pub number: u32,
    /// Where it was published.
    pub route: RouteIndex,
    /// Whether it is to survive a restart.
    pub is_persistent: bool,
}

impl MessageId {
    /// The next message of a session, of which `random` decides the rest.
    pub fn draw(session: u32, number: u32, random: &mut Random) -> Self {
        let mut left = random.below(100);
        let mut route = 0;
        while let Some(found) = ROUTES.get(usize::from(route))
            && left >= found.share
        {
            left -= found.share;
            route += 1;
        }
        let is_persistent = !random.chance(TRANSIENT_SHARE);
        Self { session, number, route: RouteIndex(route), is_persistent }
    }

    fn random(self) -> Random {
        Random::new(u64::from(self.session) << 32 | u64::from(self.number))
    }

    /// Its body: mostly small, sometimes of several frames.
    #[must_use]
    pub fn body(self) -> Vec<u8> {
        let mut random = self.random();
        let len = match random.below(100) {
            0..2 => 0,
            2..60 => random.below(100),
            60..90 => random.below(2_000),
            90..99 => random.below(20_000),
            _ => 128 * 1024 + random.below(64 * 1024),
        };
        random.bytes(usize::try_from(len).expect("it is small"))
    }

    /// Its priority.
    #[must_use]
    pub fn priority(self) -> Option<u8> {
        let mut random = Random::new(u64::from(self.number) << 32 | u64::from(self.session));
        random.chance(60).then(|| u8::try_from(random.below(8)).expect("it is small"))
    }

    /// Its properties.
    #[must_use]
    pub fn properties(self) -> Properties {
        let mut random = self.random().fork();
        let mut headers = FieldTable::new();
        headers.insert(ShortString::from_static("number"), i64::from(self.number));
        if random.chance(30) {
            let text = random.next().to_string();
            headers.insert(ShortString::from_static("text"), text);
        }
        if self.route.is_delayed() {
            let delay_ms = i64::try_from(random.below(DELAY_MS_MAX)).expect("it is small");
            headers.insert(ShortString::from_static(DELAY_HEADER), delay_ms);
        }
        let text = |text: String| ShortString::try_from(text.as_bytes()).expect("it is short");
        Properties {
            content_type: random.chance(50).then(|| ShortString::from_static("application/x-it")),
            headers: Some(headers),
            delivery_mode: Some(if self.is_persistent { 2 } else { 1 }),
            priority: self.priority(),
            correlation_id: random.chance(40).then(|| text(format!("{:x}", random.next()))),
            message_id: Some(text(self.to_string())),
            timestamp: random.chance(40).then(|| random.below(1 << 33)),
            app_id: random.chance(20).then(|| ShortString::from_static("witness")),
            ..Properties::default()
        }
    }

    /// Which message this is that came from `queue`.
    ///
    /// # Errors
    /// What of it was changed, or that it does not belong there.
    pub fn recognize(
        queue: QueueIndex,
        properties: &Properties,
        body: &[u8],
    ) -> Result<Self, String> {
        let name = properties.message_id.as_ref().and_then(ShortString::as_str);
        let name = name.ok_or_else(|| format!("no message-id in {properties:?}"))?;
        let id: Self = name.parse()?;
        if !id.route.leads_to(queue) {
            return Err(format!("{id} does not belong into the queue {}", queue.kind().name));
        }
        let expected = id.body();
        if expected != body {
            let same = expected.iter().zip(body).take_while(|(one, other)| one == other).count();
            let (len, wanted) = (body.len(), expected.len());
            return Err(format!("{id} has {len} of {wanted} bytes, wrong from byte {same} on"));
        }
        let mut found = properties.clone();
        found.headers = Some(headers_of_publisher(found.headers.as_ref()));
        let mut expected = id.properties();
        expected.headers = Some(headers_of_publisher(expected.headers.as_ref()));
        if found != expected {
            return Err(format!("{id} has {found:?} instead of {expected:?}"));
        }
        Ok(id)
    }
}

/// The headers without those that brokers add or change.
fn headers_of_publisher(headers: Option<&FieldTable>) -> FieldTable {
    let mut kept = FieldTable::new();
    let mut pairs: Vec<(&ShortString, &FieldValue)> = headers
        .into_iter()
        .flat_map(|headers| headers.iter())
        .map(|(key, value)| (key, value))
        .collect();
    pairs.sort_by(|(one, _), (other, _)| one.as_bytes().cmp(other.as_bytes()));
    for (key, value) in pairs {
        let is_added = |prefix: &&str| key.as_bytes().starts_with(prefix.as_bytes());
        if !ADDED_PREFIXES.iter().any(is_added) && key.as_bytes() != DELAY_HEADER.as_bytes() {
            kept.insert(key.clone(), value.clone());
        }
    }
    kept
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, number, route, is_persistent } = self;
        let mode = if *is_persistent { 'p' } else { 't' };
        write!(f, "{session}.{number}.{}.{mode}", route.0)
    }
}

impl FromStr for MessageId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no message-id of ours");
        let parts: Vec<&str> = text.split('.').collect();
        let &[session, number, route, mode] = parts.as_slice() else { return Err(wrong()) };
        let route = RouteIndex(route.parse().map_err(|_| wrong())?);
        let id = Self {
            session: session.parse().map_err(|_| wrong())?,
            number: number.parse().map_err(|_| wrong())?,
            route,
            is_persistent: match mode {
                "p" => true,
                "t" => false,
                _ => return Err(wrong()),
            },
        };
        if route.route().is_none() { Err(wrong()) } else { Ok(id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(number: u32) -> MessageId {
        MessageId::draw(7, number, &mut Random::new(u64::from(number)))
    }

    fn home(id: MessageId) -> QueueIndex {
        id.route.route().unwrap().queues[0]
    }

    #[test]
    fn a_message_is_recognized_as_long_as_nothing_is_changed() {
        for number in 0..200 {
            let id = some(number);
            let (properties, body) = (id.properties(), id.body());
            assert_eq!(MessageId::recognize(home(id), &properties, &body), Ok(id));
        }
    }

    #[test]
    fn every_change_is_found() {
        let id = (0..).map(some).find(|id| id.body().len() > 10 && !id.route.is_delayed()).unwrap();
        let (properties, body) = (id.properties(), id.body());
        let check = |properties: &Properties, body: &[u8], words: &str| {
            let found = MessageId::recognize(home(id), properties, body).unwrap_err();
            assert!(found.contains(words), "{found}");
        };
        for at in 0..body.len() {
            let mut wrong = body.clone();
            wrong[at] ^= 1;
            check(&properties, &wrong, &format!("wrong from byte {at}"));
        }
        check(&properties, &body[..body.len() - 1], "wrong from byte");
        let other = some(id.number + 1);
        let swapped = other.properties();
        assert!(MessageId::recognize(home(other), &swapped, &body).is_err());
        check(&Properties { priority: Some(99), ..properties.clone() }, &body, "instead of");
        check(&Properties { headers: None, ..properties.clone() }, &body, "instead of");
        check(&Properties { message_id: None, ..properties.clone() }, &body, "no message-id");
        let queue = QueueIndex::all().find(|queue| !id.route.leads_to(*queue)).unwrap();
        assert!(MessageId::recognize(queue, &properties, &body).unwrap_err().contains("belong"));
    }

    #[test]
    fn what_a_broker_adds_is_no_change() {
        let id = some(3);
        let mut properties = id.properties();
        let headers = properties.headers.as_mut().unwrap();
        headers.insert(ShortString::from_static("x-death"), "and so on");
        headers.insert(ShortString::from_static("x-delivery-count"), 4_i64);
        assert_eq!(MessageId::recognize(home(id), &properties, &id.body()), Ok(id));
    }
}
