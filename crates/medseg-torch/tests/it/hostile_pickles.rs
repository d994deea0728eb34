//! Pickles made to break readers.

use std::time::{Duration, Instant};

use medseg_torch::Content;

use crate::written::{checkpoint, int, message, one, open_pickle, tensor, text, weights_of};

fn problem(pickle: &[u8]) -> String {
    let message = message(weights_of(pickle));
    message.split_once(".pth: ").unwrap().1.to_owned()
}

#[test]
fn a_call_of_the_system_is_not_executed() {
    let call = [b"\x80\x02cposix\nsystem\n", &text("exit 1")[..], b"\x85R."].concat();
    assert_eq!(problem(&call), "the pickle calls posix.system to make the file, which is not executed");
    let stack_global = [b"\x80\x04", &text("os")[..], &text("system"), b"\x93)\x81."].concat();
    assert_eq!(problem(&stack_global), "the pickle calls os.system to make the file, which is not executed");
    let oldest = b"(S'exit 1'\nios\nsystem\n.";
    assert_eq!(problem(oldest), "the pickle calls os.system to make the file, which is not executed");
}

#[test]
fn lengths_beyond_the_end_are_refused() {
    for opcodes in [
        &b"X\xff\xff\xff\xff"[..],
        b"T\xff\xff\xff\xff",
        b"B\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\x7f",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x95\xff",
        b"\x8c\xff",
        b"cposix\nsystem",
    ] {
        assert_eq!(problem(&[b"\x80\x04", opcodes].concat()), "byte 2 of the pickle: the pickle ends early");
    }
}

#[test]
fn opcodes_without_their_values_are_refused() {
    for (pickle, expected) in [
        (&b"."[..], "byte 0 of the pickle: a value is missing"),
        (b"t", "byte 0 of the pickle: a mark is missing"),
        (b"N(a", "byte 2 of the pickle: a value is missing"),
        (b"N(R", "byte 2 of the pickle: a value is missing"),
        (b"(\x85", "byte 1 of the pickle: a value is missing"),
        (b"}(Nu", "byte 3 of the pickle: a value is missing"),
        (b"0", "byte 0 of the pickle: a value is missing"),
        (b"h\x05", "byte 0 of the pickle: a value was never remembered"),
        (b"j\xff\xff\xff\xff", "byte 0 of the pickle: a value was never remembered"),
        (b"gx\n", "byte 0 of the pickle: a number is not written as one"),
        (b"NN\x93", "byte 2 of the pickle: a value is missing"),
        (b"(o", "byte 1 of the pickle: a value is missing"),
        (b"\x80\x06", "byte 0 of the pickle: protocol 6 is not read"),
        (b"\xff", "byte 0 of the pickle: unknown opcode 0xff"),
        (b"", "byte 0 of the pickle: the pickle ends early"),
    ] {
        assert_eq!(problem(pickle), expected, "{pickle:?}");
    }
}

#[test]
fn opcodes_of_all_protocols_are_walked_past() {
    let junk: Vec<u8> = [
        &b"I01\nI12\nL99999999999999999999L\nF1.5\nS'a'\nS'a\\n'\nVb\n(lp0\ng0\n(dp1\n"[..],
        b"G\0\0\0\0\0\0\0\0J\xff\xff\xff\xff\x8a\x00\x8a\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09\x8b\x01\0\0\0\xff",
        b"U\x01aC\x01aB\x01\0\0\0a\x8e\x01\0\0\0\0\0\0\0a\x96\x01\0\0\0\0\0\0\0a\x97\x98",
        b"\x82\x01\x83\x01\x01\x84\x01\x01\x01\x01Pid\n",
        b"cnumpy.core.multiarray\nscalar\nN\x85RcPathlib\nPosixPath\n)\x81N}\x92",
        b"(N1\x8f(N\x90(N\x91N2\x940(0\x95\0\0\0\0\0\0\0\0",
        b"ccollections\nOrderedDict\n)R}b(K\x01K\x02uca\nb\n)RNas0",
    ]
    .concat();
    // The last opcodes leave one value more, which the checkpoint's mark hides.
    let pickle = [b"\x80\x05", &junk[..junk.len() - 2], b"0", &checkpoint(b"}")].concat();
    assert_eq!(open_pickle(&pickle).unwrap().root().get("weights").unwrap().content(), Content::Dictionary);
}

#[test]
fn nesting_and_sharing_take_time_in_proportion_to_the_file() {
    const MANY: usize = 300_000;
    let start = Instant::now();
    let wrap = |opcodes: Vec<u8>| checkpoint(&one("x", &opcodes));
    let laughs = [&b"]q\x000]("[..], &b"h\x00".repeat(MANY), b"e"].concat();
    for hostile in [
        wrap([&b"]".repeat(MANY)[..], &b"a".repeat(MANY - 1)].concat()),
        wrap([&b"N"[..], &b"\x85".repeat(MANY)].concat()),
        wrap([&b"}q\x00"[..], &b"}h\x00h\x00s0".repeat(MANY)].concat()),
        wrap(
            [
                &b"N"[..],
                &(0..MANY as u32).flat_map(|n| [&b"r"[..], &(u32::MAX - n).to_le_bytes()].concat()).collect::<Vec<_>>(),
            ]
            .concat(),
        ),
        wrap([&b"](N"[..], &b"2".repeat(MANY), b"e"].concat()),
        wrap([&b"]q\x01"[..], &b"h\x01a".repeat(MANY)].concat()),
        wrap([&b"("[..], &b"(".repeat(MANY), &b"t".repeat(MANY), b"t"].concat()),
        wrap(laughs),
    ] {
        open_pickle(&hostile).unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn circles_are_read_once() {
    let own = [b"}q\x01", &text("self")[..], b"h\x01s", &text("w"), &tensor("FloatStorage", 0, &[1], &[1]), b"s"];
    let file = open_pickle(&checkpoint(&own.concat())).unwrap();
    let weights = file.root().get("weights").unwrap();
    assert_eq!(weights.entries().map(|(key, _)| key.text().unwrap()).collect::<Vec<_>>(), ["self", "w"]);
    // A parameter that wraps itself.
    let wrapped = b"]q\x010ctorch._utils\n_rebuild_parameter\nh\x01Rq\x020h\x01h\x02a0h\x02";
    assert!(problem(&checkpoint(&one("w", wrapped))).contains("torch._utils._rebuild_parameter"));
    // A shape that holds itself.
    let shape = b"]q\x01h\x01a";
    let call = [b"ctorch._utils\n_rebuild_tensor_v2\n((", &text("storage")[..], b"ctorch\nFloatStorage\n", &text("0")];
    let pickle = [&call.concat()[..], b"tQ", &int(0), shape, shape, b"tR"].concat();
    assert_eq!(problem(&checkpoint(&one("w", &pickle))), "tensor w: its shape is not a few sizes");
}

#[test]
fn long_names_that_many_share_are_refused() {
    const LONG: usize = 4 << 20;
    const MANY: usize = 200_000;
    let start = Instant::now();
    let name = "x".repeat(LONG);
    let key = [b"}(", &text(&name)[..], b"q\x010", &b"h\x01N".repeat(MANY), b"u"].concat();
    assert!(weights_of(&checkpoint(&key)).unwrap().is_empty());
    let storage = [
        b"(ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage")[..],
        format!("ctorch\n{name}\n").as_bytes(),
        &text("0"),
        b"tQK\x00))tRq\x011}(",
        &(0..MANY).flat_map(|number| [text(&number.to_string()), b"h\x01".to_vec()].concat()).collect::<Vec<_>>(),
        b"u",
    ]
    .concat();
    assert_eq!(problem(&checkpoint(&storage)), "tensor 0: its type has no name");
    assert!(start.elapsed() < Duration::from_secs(20));
}
