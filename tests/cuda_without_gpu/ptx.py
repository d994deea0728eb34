"""Inline PTX as calls of the functions in `processor/`. An instruction that is not known here ends the translation."""
import re


class Unknown(Exception):
    pass


def outside_strings(text, start=0):
    """The places and letters that stand in no string."""
    at, quoted = start, False
    while at < len(text):
        letter = text[at]
        if letter == '"':
            quoted = not quoted
        elif quoted and letter == "\\":
            at += 1
        elif not quoted:
            yield at, letter
        at += 1


def split(text, separator):
    """Splits at `separator` outside of brackets and strings; `::` is no separator."""
    parts, depth, start, second = [], 0, 0, -1
    for at, letter in outside_strings(text):
        if at == second:
            continue
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif separator == ":" and text[at : at + 2] == "::":
            second = at + 1
        elif letter == separator and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts


def end_of_brackets(text, start):
    """The place behind the bracket that closes the one before `start`."""
    depth = 1
    for at, letter in outside_strings(text, start):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return at + 1
    raise Unknown("a bracket that is not closed")


def operands(text):
    """The C++ expressions of a list such as `"r"(a), "f"(b)`."""
    found = []
    for part in split(text, ","):
        match = re.match(r'\s*"[^"]*"\s*\((.*)\)\s*$', part, re.S)
        if match:
            found.append(match.group(1).strip())
        elif part.strip():
            raise Unknown(f"operand {part.strip()}")
    return found


# The names that stand for operands in the patterns below.
OPERANDS = {
    "NUMBER": r"(\d+)",
    "OPERAND": r"%(\d+)",
    "LENGTH": r"(%?\d+)",
    "LIST": r"\{?([%\d, ]+)\}?",
}
INSTRUCTIONS = []


def instruction(pattern):
    """Registers a translation for PTX of this pattern: operands in capitals, `<a|b>` for a choice, spaces free."""
    parts = re.split(r"<([^>]*)>", pattern)
    expression = "".join(
        f"({'|'.join(map(re.escape, part.split('|')))})" if number % 2 else re.escape(part).replace(r"\ ", r"\s*")
        for number, part in enumerate(parts)
    )
    for name, meaning in OPERANDS.items():
        expression = expression.replace(name, meaning)

    def register(function):
        INSTRUCTIONS.append((re.compile(expression + r"\s*;?\s*$"), function))
        return function

    return register


class Statement:
    """The operands of one `asm` statement, which its PTX numbers in order: outputs, then inputs."""

    def __init__(self, outputs, inputs):
        self.all = outputs + inputs

    def __call__(self, number):
        return self.all[int(number.lstrip("%"))]

    def list(self, text):
        return [self(number) for number in re.findall(r"%\d+", text)]


def array(kind, name, values, convert=""):
    values = [f"{convert}({value})" for value in values]
    return f"{kind} {name}[] = {{{', '.join(values)}}};"


def assign(registers, name):
    return " ".join(f"{register} = {name}[{number}];" for number, register in enumerate(registers))


@instruction("mma.sync.aligned.m16n8kNUMBER.row.col.f32.<f16|bf16|tf32>.<f16|bf16|tf32>.f32 LIST, LIST, LIST, LIST")
def mma(of, depth, left, right, d, a, b, c):
    d, a, b, c = map(of.list, (d, a, b, c))
    if left != right:
        raise Unknown("mma.sync of two types")
    return (
        f"{array('uint32_t', 'a_', a, 'standin::as_register')} {array('uint32_t', 'b_', b, 'standin::as_register')} "
        f"{array('float', 'c_', c)} float d_[4]; "
        f"standin::mma<standin::{left.upper()}, {depth}, {len(a)}, {len(b)}>(d_, a_, b_, c_); {assign(d, 'd_')}"
    )


@instruction("mma.sync.aligned.m16n8kNUMBER.row.col.f16.f16.f16.f16 LIST, LIST, LIST, LIST")
def mma_sums_in_f16(of, depth, d, a, b, c):
    d, a, b, c = map(of.list, (d, a, b, c))
    return (
        f"{array('uint32_t', 'a_', a)} {array('uint32_t', 'b_', b)} {array('uint32_t', 'c_', c)} uint32_t d_[2]; "
        f"standin::mma_sums_in_f16<{depth}, {len(a)}, {len(b)}>(d_, a_, b_, c_); {assign(d, 'd_')}"
    )


@instruction("ldmatrix.sync.aligned.m8n8.xNUMBER<|.trans>.shared<|::cta>.b16 LIST, [OPERAND]")
def ldmatrix(of, count, transposed, _, registers, address):
    call = f"standin::ldmatrix<{count}, {'true' if transposed else 'false'}>(r_, {of(address)});"
    return f"uint32_t r_[{count}]; {call} {assign(of.list(registers), 'r_')}"


@instruction("stmatrix.sync.aligned.m8n8.xNUMBER<|.trans>.shared<|::cta>.b16 [OPERAND], LIST")
def stmatrix(of, count, transposed, _, address, registers):
    values = array("uint32_t", "v_", of.list(registers))
    return f"{values} standin::stmatrix<{count}, {'true' if transposed else 'false'}>({of(address)}, v_);"


@instruction("cp.async.<ca|cg>.shared::cta.global [OPERAND], [OPERAND], NUMBER, LENGTH")
def cp_async(of, _, to, source, size, length):
    length = of(length) if length.startswith("%") else length
    return f"standin::cp_async({of(to)}, (uint64_t)({of(source)}), {size}, {length});"


@instruction("cp.async.mbarrier.arrive.shared::cta.b64 [OPERAND]")
def cp_async_arrive(of, barrier):
    return f"standin::cp_async_to_barrier({of(barrier)});"


@instruction(
    "cp.async.bulk.tensor.NUMBERd.shared::cluster.global.im2col.mbarrier::complete_tx::bytes "
    "[OPERAND], [OPERAND, LIST], [OPERAND], LIST"
)
def im2col_copy(of, rank, to, tensor_map, at, barrier, offsets):
    at, offsets = of.list(at), of.list(offsets)
    if len(at) != int(rank) or len(offsets) != int(rank) - 2:
        raise Unknown("coordinates of another rank")
    return (
        f"{array('int', 'at_', at, '(int)')} {array('unsigned short', 'offsets_', offsets, '(unsigned short)')} "
        f"standin::begin_tensor_copy(standin::in_shared({of(to)}), (const void *)({of(tensor_map)}), at_, offsets_, "
        f"standin::barrier_at({of(barrier)}));"
    )


@instruction("{ .reg .pred %%px; .reg .b32 %mask; activemask.b32 %mask; elect.sync _|%%px, %mask; selp.b32 OPERAND, 1, 0, %%px; }")
def elect(of, result):
    return f"{of(result)} = standin::elect_sync();"


@instruction("<min|max>.NaN.f32 OPERAND, OPERAND, OPERAND")
def extreme(of, which, result, a, b):
    return f"{of(result)} = standin::{which}_nan({of(a)}, {of(b)});"


TYPES = {"f32": "float", "f64": "double", "u32": "uint32_t", "s32": "int32_t", "u64": "uint64_t", "s64": "int64_t"}


@instruction("atom.relaxed.<add|min|max>.<f32|f64|u32|s32|u64|s64> OPERAND, [OPERAND], OPERAND")
def atomic(of, operation, kind, result, place, value):
    return f"{of(result)} = atomic{operation.capitalize()}(({TYPES[kind]} *)({of(place)}), {of(value)});"


@instruction("atom.relaxed.<add|min|max>.noftz.<f16|bf16|f16x2|bf16x2> OPERAND, [OPERAND], OPERAND")
def narrow_atomic(of, operation, kind, result, place, value):
    number = ("__half" if kind.startswith("f16") else "__nv_bfloat16") + ("2" if kind.endswith("x2") else "")
    update = f"standin::sum_of<{number}>" if operation == "add" else f"standin::Extremes<{number}>::{operation}"
    return f"{of(result)} = standin::narrow_atomic(({number} *)({of(place)}), {of(value)}, {update});"


@instruction("<add|sub>.sat.s32 OPERAND, OPERAND, OPERAND")
def saturating(of, operation, result, a, b):
    return f"{of(result)} = standin::saturated((long)({of(a)}) {'+' if operation == 'add' else '-'} ({of(b)}));"


def translate(ptx, outputs, inputs):
    """C++ for the PTX of one `asm` statement."""
    text = " ".join(ptx.replace("\\n", " ").replace("\\t", " ").split())
    for pattern, function in INSTRUCTIONS:
        match = pattern.match(text)
        if match:
            return function(Statement(outputs, inputs), *match.groups())
    raise Unknown(text)
