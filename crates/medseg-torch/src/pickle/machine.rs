//! A reader of pickles that imports, calls and executes nothing.
//!
//! It knows the opcodes of protocols 0 to 5. Names and calls become objects that are looked at later, or never.
//! Every opcode makes at most one object, so memory grows with the pickle's size alone, and nothing here recurses.

use std::collections::HashMap;
use std::ops::Range;

use super::object::{Object, Value};
use super::problem::PickleProblem;

/// Classes whose instances are dictionaries.
const DICTIONARIES: [(&[u8], &[u8]); 4] = [
    (b"collections", b"OrderedDict"),
    (b"collections", b"defaultdict"),
    (b"builtins", b"dict"),
    (b"__builtin__", b"dict"),
];

/// A pickle's stack machine.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    stack: Vec<Value>,
    /// Heights of the stack at which a mark lies.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    objects: Vec<Object>,
}

type Step<T> = Result<T, PickleProblem>;

impl<'a> Machine<'a> {
    /// A machine at the beginning of a pickle.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let (stack, marks, objects) = (Vec::new(), Vec::new(), Vec::new());
        Self { bytes, position: 0, stack, marks, memo: HashMap::new(), objects }
    }

    /// Takes all opcodes; gives the objects, the pickle's value and its length. An error comes with its position in bytes.
    pub(super) fn run(mut self) -> Result<(Vec<Object>, Value, usize), (usize, PickleProblem)> {
        loop {
            let start = self.position;
            match self.step() {
                Ok(None) => {}
                Ok(Some(result)) => return Ok((self.objects, result, self.position)),
                Err(problem) => return Err((start, problem)),
            }
        }
    }

    /// Takes one opcode; gives the pickle's value at the last.
    fn step(&mut self) -> Step<Option<Value>> {
        let [opcode] = self.array()?;
        match opcode {
            b'.' => return self.pop().map(Some),
            0x80 => {
                let [protocol] = self.array()?;
                if protocol > 5 {
                    return Err(PickleProblem::Protocol(protocol));
                }
            }
            // A frame's length, which only helps to read ahead.
            0x95 => {
                self.array::<8>()?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.pop_or_mark()?,
            b'1' => {
                self.take_marked()?;
            }
            b'2' => self.stack.push(self.top()?),

            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'K' => self.number::<1>()?,
            b'M' => self.number::<2>()?,
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(number.into()));
            }
            0x8a => {
                let [length] = self.array()?;
                self.long(length.into())?;
            }
            0x8b => {
                let length = self.length::<4>()?;
                self.long(length)?;
            }
            b'G' => {
                let number = f64::from_be_bytes(self.array()?);
                self.stack.push(Value::Float(number));
            }
            b'I' | b'L' => {
                let line = self.line()?;
                let number = self.whole_number(line, opcode)?;
                self.stack.push(number);
            }
            b'F' => {
                let line = self.line()?;
                let number = self.line_text(line).ok().and_then(|digits| digits.parse().ok());
                self.stack.push(number.map_or(Value::Opaque, Value::Float));
            }

            b'X' => self.text::<4>()?,
            0x8c => self.text::<1>()?,
            0x8d => self.text::<8>()?,
            // Strings of Python 2.
            b'T' => self.text::<4>()?,
            b'U' => self.text::<1>()?,
            b'S' => {
                let line = self.line()?;
                self.quoted(line);
            }
            b'V' => {
                let line = self.line()?;
                self.push(Object::Text(line));
            }
            b'B' => self.opaque_bytes::<4>()?,
            b'C' => self.opaque_bytes::<1>()?,
            0x8e | 0x96 => self.opaque_bytes::<8>()?,
            // A buffer outside of the pickle, and a wish that the last one stay unchanged.
            0x97 => self.stack.push(Value::Opaque),
            0x98 => {}

            b')' | b']' | 0x8f => self.push(Object::Sequence(Vec::new())),
            b'}' => self.push(Object::empty_mapping()),
            b't' | b'l' | 0x91 => {
                let values = self.take_marked()?;
                self.push(Object::Sequence(values));
            }
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b'd' => {
                let values = self.take_marked()?;
                self.push(Object::Mapping { initial: None, pairs: pairs(&values)? });
            }
            b'a' => {
                let value = self.pop()?;
                self.extend(&[value])?;
            }
            b'e' | 0x90 => {
                let values = self.take_marked()?;
                self.extend(&values)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.extend_mapping(&[key, value])?;
            }
            b'u' => {
                let values = self.take_marked()?;
                self.extend_mapping(&values)?;
            }

            b'g' => {
                let line = self.line()?;
                let number = self.memo_number(line)?;
                self.get(number)?;
            }
            b'h' => {
                let number = self.length::<1>()?;
                self.get(number)?;
            }
            b'j' => {
                let number = self.length::<4>()?;
                self.get(number)?;
            }
            b'p' => {
                let line = self.line()?;
                let number = self.memo_number(line)?;
                self.put(number)?;
            }
            b'q' => {
                let number = self.length::<1>()?;
                self.put(number)?;
            }
            b'r' => {
                let number = self.length::<4>()?;
                self.put(number)?;
            }
            0x94 => self.put(self.memo.len())?,

            b'c' => {
                let global = self.global_lines()?;
                self.push(global);
            }
            0x93 => {
                let name = self.pop()?;
                let module = self.pop()?;
                let global = match (self.place(module), self.place(name)) {
                    (Some(module), Some(name)) => Object::Global { module, name },
                    _ => return Err(PickleProblem::NoValue),
                };
                self.push(global);
            }
            // Numbers of Python's registry of extensions.
            0x82 => self.extension::<1>()?,
            0x83 => self.extension::<2>()?,
            0x84 => self.extension::<4>()?,

            // REDUCE and NEWOBJ: a call, noted and not made.
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                self.call(function, arguments);
            }
            // NEWOBJ_EX: the same with named arguments.
            0x92 => {
                self.pop()?;
                let arguments = self.pop()?;
                let class = self.pop()?;
                self.call(class, arguments);
            }
            // INST and OBJ: the same in the oldest protocols.
            b'i' => {
                let global = self.global_lines()?;
                let arguments = self.take_marked()?;
                let (class, arguments) = (self.add(global), self.add(Object::Sequence(arguments)));
                self.call(class, arguments);
            }
            b'o' => {
                let mut arguments = self.take_marked()?;
                if arguments.is_empty() {
                    return Err(PickleProblem::NoValue);
                }
                let class = arguments.remove(0);
                let arguments = self.add(Object::Sequence(arguments));
                self.call(class, arguments);
            }
            // BUILD: the state of an object, which is noted. That of a dictionary is attributes beside its keys.
            b'b' => {
                let added = self.pop()?;
                if let Value::Object(number) = self.top()?
                    && let Some(Object::Call { state, .. }) = self.objects.get_mut(number as usize)
                {
                    *state = added.number();
                }
            }
            b'P' => {
                self.line()?;
                self.stack.push(Value::Opaque);
            }
            b'Q' => {
                let description = self.pop()?;
                self.push(Object::Persistent(description));
            }
            unknown => return Err(PickleProblem::Opcode(unknown)),
        }
        Ok(None)
    }

    /// Takes bytes and gives their place.
    fn take(&mut self, length: usize) -> Step<Range<usize>> {
        let end = self.position.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(PickleProblem::Ends)?;
        let place = self.position..end;
        self.position = end;
        Ok(place)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let place = self.take(N)?;
        self.bytes.get(place).and_then(|bytes| bytes.first_chunk().copied()).ok_or(PickleProblem::Ends)
    }

    /// An unsigned number of N bytes, at most eight.
    fn unsigned<const N: usize>(&mut self) -> Step<u64> {
        let bytes: [u8; N] = self.array()?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length<const N: usize>(&mut self) -> Step<usize> {
        let length = self.unsigned::<N>()?;
        usize::try_from(length).map_err(|_| PickleProblem::Ends)
    }

    fn number<const N: usize>(&mut self) -> Step<()> {
        let number = self.unsigned::<N>()?;
        self.stack.push(Value::Int(i64::try_from(number).map_err(|_| PickleProblem::Number)?));
        Ok(())
    }

    /// A whole number of any length; one that does not fit 64 bits is walked past.
    fn long(&mut self, length: usize) -> Step<()> {
        let place = self.take(length)?;
        let bytes = &self.bytes[place];
        let value = if bytes.len() <= 8 {
            let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
            let mut wide = [fill; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(wide))
        } else {
            Value::Opaque
        };
        self.stack.push(value);
        Ok(())
    }

    /// A line without its end.
    fn line(&mut self) -> Step<Range<usize>> {
        let rest = &self.bytes[self.position..];
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(PickleProblem::Ends)?;
        let line = self.take(length)?;
        self.take(1)?;
        Ok(line)
    }

    fn whole_number(&self, line: Range<usize>, opcode: u8) -> Step<Value> {
        let digits = self.line_text(line)?;
        match (opcode, digits) {
            (b'I', "00") => Ok(Value::Bool(false)),
            (b'I', "01") => Ok(Value::Bool(true)),
            _ => {
                let digits = digits.strip_suffix('L').unwrap_or(digits);
                Ok(digits.parse().map_or(Value::Opaque, Value::Int))
            }
        }
    }

    fn memo_number(&self, line: Range<usize>) -> Step<usize> {
        self.line_text(line)?.parse().map_err(|_| PickleProblem::Number)
    }

    fn line_text(&self, line: Range<usize>) -> Step<&str> {
        std::str::from_utf8(&self.bytes[line]).map(str::trim).map_err(|_| PickleProblem::Number)
    }

    fn text<const N: usize>(&mut self) -> Step<()> {
        let length = self.length::<N>()?;
        let place = self.take(length)?;
        self.push(Object::Text(place));
        Ok(())
    }

    /// A string in quotes; one with escapes is walked past.
    fn quoted(&mut self, line: Range<usize>) {
        let quoted = &self.bytes[line.clone()];
        let quotes = quoted.len() >= 2 && matches!(quoted[0], b'\'' | b'"') && quoted.last() == quoted.first();
        if quotes && !quoted.contains(&b'\\') {
            self.push(Object::Text(line.start + 1..line.end - 1));
        } else {
            self.stack.push(Value::Opaque);
        }
    }

    fn opaque_bytes<const N: usize>(&mut self) -> Step<()> {
        let length = self.length::<N>()?;
        self.take(length)?;
        self.stack.push(Value::Opaque);
        Ok(())
    }

    fn extension<const N: usize>(&mut self) -> Step<()> {
        self.array::<N>()?;
        self.stack.push(Value::Opaque);
        Ok(())
    }

    fn global_lines(&mut self) -> Step<Object> {
        Ok(Object::Global { module: self.line()?, name: self.line()? })
    }

    fn add(&mut self, object: Object) -> Value {
        // A pickle of at most `LARGEST_PICKLE` has fewer objects than 32 bits count.
        let Ok(number) = u32::try_from(self.objects.len()) else { return Value::Opaque };
        self.objects.push(object);
        Value::Object(number)
    }

    fn push(&mut self, object: Object) {
        let value = self.add(object);
        self.stack.push(value);
    }

    fn place(&self, value: Value) -> Option<Range<usize>> {
        match value {
            Value::Object(number) => match self.objects.get(number as usize)? {
                Object::Text(place) => Some(place.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Height of the stack below which an opcode may not reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Step<Value> {
        if self.stack.len() <= self.floor() {
            return Err(PickleProblem::NoValue);
        }
        self.stack.last().copied().ok_or(PickleProblem::NoValue)
    }

    fn pop(&mut self) -> Step<Value> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    fn pop_or_mark(&mut self) -> Step<()> {
        if self.stack.len() > self.floor() {
            self.stack.pop();
            return Ok(());
        }
        self.marks.pop().map(|_| ()).ok_or(PickleProblem::NoValue)
    }

    fn take_marked(&mut self) -> Step<Vec<Value>> {
        let mark = self.marks.pop().ok_or(PickleProblem::NoMark)?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn tuple(&mut self, length: usize) -> Step<()> {
        let start = self.stack.len().checked_sub(length).filter(|start| *start >= self.floor());
        let values = self.stack.split_off(start.ok_or(PickleProblem::NoValue)?);
        self.push(Object::Sequence(values));
        Ok(())
    }

    /// Appends to the list on top. Values for another object are walked past.
    fn extend(&mut self, values: &[Value]) -> Step<()> {
        if let Value::Object(number) = self.top()?
            && let Some(Object::Sequence(sequence)) = self.objects.get_mut(number as usize)
        {
            sequence.extend_from_slice(values);
        }
        Ok(())
    }

    /// Adds keys and values to the dictionary on top. Those for another object are walked past.
    fn extend_mapping(&mut self, values: &[Value]) -> Step<()> {
        let added = pairs(values)?;
        if let Value::Object(number) = self.top()?
            && let Some(Object::Mapping { pairs, .. }) = self.objects.get_mut(number as usize)
        {
            pairs.extend(added);
        }
        Ok(())
    }

    fn get(&mut self, number: usize) -> Step<()> {
        let number = u32::try_from(number).map_err(|_| PickleProblem::NoMemo)?;
        let value = self.memo.get(&number).ok_or(PickleProblem::NoMemo)?;
        self.stack.push(*value);
        Ok(())
    }

    fn put(&mut self, number: usize) -> Step<()> {
        let number = u32::try_from(number).map_err(|_| PickleProblem::NoMemo)?;
        let value = self.top()?;
        self.memo.insert(number, value);
        Ok(())
    }

    fn call(&mut self, function: Value, arguments: Value) {
        let arguments = arguments.number();
        let object = match self.is_dictionary(function) {
            true => Object::Mapping { initial: self.first_list(arguments), pairs: Vec::new() },
            false => Object::Call { function, arguments, state: None },
        };
        self.push(object);
    }

    fn is_dictionary(&self, class: Value) -> bool {
        let Value::Object(number) = class else { return false };
        let Some(Object::Global { module, name }) = self.objects.get(number as usize) else { return false };
        DICTIONARIES.contains(&(&self.bytes[module.clone()], &self.bytes[name.clone()]))
    }

    /// The first argument of a dictionary's class, if it is a list: Python 2 pickles keys and values so. It is referred
    /// to, for a copy in each of many calls would take much memory.
    fn first_list(&self, arguments: Option<u32>) -> Option<u32> {
        let Some(Object::Sequence(arguments)) = self.objects.get(arguments? as usize) else { return None };
        let first = arguments.first()?.number()?;
        matches!(self.objects.get(first as usize), Some(Object::Sequence(_))).then_some(first)
    }
}

/// Keys and values that alternate.
fn pairs(values: &[Value]) -> Step<Vec<(Value, Value)>> {
    let (pairs, rest) = values.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(PickleProblem::NoValue);
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}
