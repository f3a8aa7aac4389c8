//! Field tables that are malformed, lie, or are too big, in the arguments of a method.

use crate::{
    case::{Case, Expect, Stage, case, connection_closes},
    requests::{EXCLUSIVE, queue_declare_with},
    wire::{Args, args},
};

pub(crate) fn cases() -> Vec<Case> {
    [refused(), tolerated()].concat()
}

/// `queue.declare` with a table of these contents.
fn declaring(name: &'static str, contents: Args, expect: Expect) -> Case {
    case(name, Stage::Channel, queue_declare_with("", EXCLUSIVE, contents), expect)
}

fn refused() -> Vec<Case> {
    const UNFINISHED: &str = "field table ends in the middle of a value";
    const DEEP: &str = "field table nested deeper than 32 levels";
    const BIG: &str = "field table holds more than 16384 elements";
    let resets = |name, contents, why: &str| {
        let expect = connection_closes(502, &format!("SYNTAX_ERROR - {why}"), 50, 10);
        declaring(name, contents, expect).differs("RabbitMQ resets without a close")
    };
    let unlimited = |name, contents, why: &str| {
        let expect = connection_closes(502, &format!("SYNTAX_ERROR - {why}"), 50, 10);
        declaring(name, contents, expect).differs("RabbitMQ has no such limit")
    };
    let unknown = |name, tag: u8| {
        let contents = args().entry("a", tag, args().u64(1));
        resets(name, contents, &format!("unknown field type {tag} in field table"))
    };
    vec![
        unknown("field of type U", b'U'),
        unknown("field of type 0", 0),
        unknown("field of type 255", 255),
        unknown("field of type v", b'v'),
        resets(
            "unknown type inside an array",
            args().entry("a", b'A', args().table(args().u8(b'Z').u8(0))),
            "unknown field type 90 in field table",
        ),
        resets(
            "unknown type inside a table inside an array",
            args().entry(
                "a",
                b'A',
                args().table(args().u8(b'F').table(args().entry("b", b'U', args()))),
            ),
            "unknown field type 85 in field table",
        ),
        resets("table that ends inside a key", args().u8(5).raw(b"ab"), UNFINISHED),
        resets("table that ends behind a key", args().short("a"), UNFINISHED),
        resets(
            "table that ends inside an integer",
            args().entry("a", b'I', args().u16(1)),
            UNFINISHED,
        ),
        resets(
            "table that ends inside a decimal",
            args().entry("a", b'D', args().u32(1)),
            UNFINISHED,
        ),
        resets("boolean without a value", args().entry("a", b't', args()), UNFINISHED),
        resets(
            "string of 2^32-1 octets",
            args().entry("a", b'S', args().u32(u32::MAX).raw(b"abc")),
            UNFINISHED,
        ),
        resets(
            "byte array of 2^31 octets",
            args().entry("a", b'x', args().u32(1 << 31)),
            UNFINISHED,
        ),
        resets(
            "string without all of its length",
            args().entry("a", b'S', args().u16(0)),
            UNFINISHED,
        ),
        resets(
            "inner table longer than the outer",
            args().entry("a", b'F', args().u32(32).raw(b"abc")),
            UNFINISHED,
        ),
        resets(
            "inner array longer than the outer",
            args().entry("a", b'A', args().u32(32).u8(b'V')),
            UNFINISHED,
        ),
        resets(
            "value that goes on beyond its inner table",
            args().entry("a", b'F', args().u32(4).raw(b"\x01bI\x00")).raw(b"\x00\x00\x01"),
            UNFINISHED,
        ),
        unlimited("tables nested 40 deep", nested_tables(40), DEEP),
        unlimited("tables nested 10,000 deep", nested_tables(10_000), DEEP),
        unlimited("arrays nested 10,000 deep", nested_arrays(10_000), DEEP),
        unlimited(
            "array of 20,000 void values",
            args().entry("a", b'A', args().long(&[b'V'; 20_000])),
            BIG,
        ),
        unlimited("20,000 void fields", Args(b"\x01aV".repeat(20_000)), BIG),
        unlimited(
            "20,000 empty arrays",
            args().entry("a", b'A', args().long(&b"A\x00\x00\x00\x00".repeat(20_000))),
            BIG,
        ),
    ]
}

fn tolerated() -> Vec<Case> {
    let fine = |name, contents| declaring(name, contents, Expect::Answered(50, 11));
    let every_type = args()
        .entry("t", b't', args().u8(7))
        .entry("b", b'b', args().u8(255))
        .entry("B", b'B', args().u8(255))
        .entry("s", b's', args().u16(65535))
        .entry("u", b'u', args().u16(65535))
        .entry("I", b'I', args().u32(u32::MAX))
        .entry("i", b'i', args().u32(u32::MAX))
        .entry("l", b'l', args().u64(u64::MAX))
        .entry("L", b'L', args().u64(u64::MAX))
        .entry("f", b'f', args().u32(0x3F80_0000))
        .entry("d", b'd', args().u64(0x3FF0_0000_0000_0000))
        .entry("D", b'D', args().u8(255).u32(u32::MAX))
        .entry("S", b'S', args().long(b"\xFF\x00"))
        .entry("x", b'x', args().long(b"\xFF\x00"))
        .entry("A", b'A', args().long(b"VVt\x01"))
        .entry("F", b'F', args().long(b"\x00V"))
        .entry("T", b'T', args().u64(u64::MAX))
        .entry("V", b'V', args());
    vec![
        fine("every type of field", every_type),
        fine("float that is not a number", args().entry("f", b'f', args().u32(0x7FC0_0000)))
            .differs("RabbitMQ resets without a close"),
        fine("double that is not a number", args().entry("d", b'd', args().u64(u64::MAX)))
            .differs("RabbitMQ resets without a close"),
        fine("tables nested 16 deep", nested_tables(16)),
        fine("16,000 void values", args().entry("a", b'A', args().long(&[b'V'; 16_000]))),
        fine("the same key twice", Args(b"\x01at\x01\x01at\x00".to_vec())),
        fine("an empty key", args().entry("", b't', args().u8(1))),
        fine("a key that is not UTF-8", Args(b"\x01\xFFt\x01".to_vec())),
        fine("an empty array and an empty table", Args(b"\x01aA\0\0\0\0\x01bF\0\0\0\0".to_vec())),
    ]
}

/// A table in a table, this often.
fn nested_tables(depth: usize) -> Args {
    nested(depth, b"\x01aF")
}

/// An array in an array, this often.
fn nested_arrays(depth: usize) -> Args {
    let arrays = nested(depth, b"A");
    args().short("a").raw(&arrays.0)
}

/// Repeats the start of a value, each with the length of all that follows it.
fn nested(depth: usize, start: &[u8]) -> Args {
    let mut bytes = Vec::new();
    for inner in (0..depth).rev() {
        let rest = u32::try_from(inner * (start.len() + 4)).expect("test inputs are small");
        bytes.extend(start);
        bytes.extend(rest.to_be_bytes());
    }
    Args(bytes)
}
