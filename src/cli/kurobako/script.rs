//! Conditions of parameters: the expressions of the language Lua that conditions need.
//!
//! These are numbers, strings, names, `true`, `false`, `nil`, `or`, `and`, `not`, comparisons,
//! brackets and the operators `+ - * / % ^`. A `return` may stand first. Statements, functions and
//! tables are refused with an error that names them; no built-in problem of kurobako uses them.

use std::collections::BTreeSet;

use crate::input::shortened;

/// A script that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lua_script `{script}`: {problem} at \"{rest}\": must be an expression of comparisons, and, or, not")]
pub(super) struct ScriptError {
    script: String,
    problem: &'static str,
    rest: String,
}

/// A value of Lua.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Number(f64),
    Text(String),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Script {
    Constant(Value),
    Name(String),
    Not(Box<Script>),
    Minus(Box<Script>),
    Binary(&'static str, Box<Script>, Box<Script>),
}

/// Binary operators, from the loosest to the tightest. Those of a row bind equally, from left to
/// right.
const OPERATORS: [&[&str]; 5] =
    [&["or"], &["and"], &["<=", ">=", "~=", "==", "<", ">"], &["+", "-"], &["*", "/", "%"]];

impl Script {
    /// Reads an expression from its text.
    pub fn new(text: &str) -> Result<Self, ScriptError> {
        let mut reader = Reader { script: text, rest: text.trim(), operands: 0 };
        reader.word("return");
        let script = reader.binary(0)?;
        match reader.rest {
            "" => Ok(script),
            _ => Err(reader.error("something is left over")),
        }
    }

    /// The names of parameters in the expression.
    pub fn names(&self) -> BTreeSet<&str> {
        match self {
            Script::Constant(_) => BTreeSet::new(),
            Script::Name(name) => [name.as_str()].into(),
            Script::Not(inner) | Script::Minus(inner) => inner.names(),
            Script::Binary(_, left, right) => left.names().into_iter().chain(right.names()).collect(),
        }
    }

    /// Whether the expression is true, with `value_of` as the value of a name. A name without a
    /// value is nil. Where Lua stops with an error (as when it compares a number with nil), the
    /// expression is false.
    pub fn holds(&self, value_of: &dyn Fn(&str) -> Value) -> bool {
        self.value(value_of).is_some_and(|value| value.is_true())
    }

    fn value(&self, value_of: &dyn Fn(&str) -> Value) -> Option<Value> {
        match self {
            Script::Constant(value) => Some(value.clone()),
            Script::Name(name) => Some(value_of(name)),
            Script::Not(inner) => Some(Value::Bool(!inner.value(value_of)?.is_true())),
            Script::Minus(inner) => Some(Value::Number(-inner.value(value_of)?.number()?)),
            Script::Binary("and", left, right) => match left.value(value_of)? {
                left if left.is_true() => right.value(value_of),
                left => Some(left),
            },
            Script::Binary("or", left, right) => match left.value(value_of)? {
                left if left.is_true() => Some(left),
                _ => right.value(value_of),
            },
            Script::Binary(operator, left, right) => {
                apply(operator, left.value(value_of)?, right.value(value_of)?)
            }
        }
    }
}

impl Value {
    /// In Lua all values are true except `false` and `nil`.
    fn is_true(&self) -> bool {
        !matches!(self, Value::Nil | Value::Bool(false))
    }

    fn number(&self) -> Option<f64> {
        match self {
            Value::Number(x) => Some(*x),
            _ => None,
        }
    }
}

fn apply(operator: &str, left: Value, right: Value) -> Option<Value> {
    let order = match (&left, &right) {
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => None,
    };
    let is_ordered = left.number().is_some() && right.number().is_some() || order.is_some();
    let compared =
        |holds: fn(std::cmp::Ordering) -> bool| is_ordered.then(|| Value::Bool(order.is_some_and(holds)));
    match operator {
        "==" => return Some(Value::Bool(left == right)),
        "~=" => return Some(Value::Bool(left != right)),
        "<" => return compared(std::cmp::Ordering::is_lt),
        "<=" => return compared(std::cmp::Ordering::is_le),
        ">" => return compared(std::cmp::Ordering::is_gt),
        ">=" => return compared(std::cmp::Ordering::is_ge),
        _ => {}
    }
    let (a, b) = (left.number()?, right.number()?);
    Some(Value::Number(match operator {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a - (a / b).floor() * b,
        _ => a.powf(b),
    }))
}

/// The part of a script that is still to be read.
struct Reader<'a> {
    script: &'a str,
    rest: &'a str,
    /// Number of operands, signs and brackets read so far.
    operands: usize,
}

/// Most operands, signs and brackets of a script. Each may take a nested call, so a limit keeps the
/// stack from overflowing.
const MOST_OPERANDS: usize = 200;

impl<'a> Reader<'a> {
    fn error(&self, problem: &'static str) -> ScriptError {
        ScriptError { script: shortened(self.script), problem, rest: shortened(self.rest) }
    }

    fn advance(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest.trim_start();
        taken
    }

    /// Takes `symbol` if it comes next.
    fn symbol(&mut self, symbol: &str) -> bool {
        let is_next = self.rest.starts_with(symbol);
        if is_next {
            self.advance(symbol.len());
        }
        is_next
    }

    /// Takes `word` if it comes next as a whole.
    fn word(&mut self, word: &str) -> bool {
        let is_next = self.name() == Some(word);
        if is_next {
            self.advance(word.len());
        }
        is_next
    }

    /// The name or keyword that comes next.
    fn name(&self) -> Option<&'a str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let name = &self.rest[..length];
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then_some(name)
    }

    fn operator(&mut self, row: usize) -> Option<&'static str> {
        let is_word = |operator: &str| operator.starts_with(|c: char| c.is_ascii_alphabetic());
        OPERATORS[row].iter().copied().find(|operator| match is_word(operator) {
            true => self.word(operator),
            false => self.symbol(operator),
        })
    }

    /// Reads an expression of the operators in `row` of [`OPERATORS`] and of tighter ones.
    fn binary(&mut self, row: usize) -> Result<Script, ScriptError> {
        if row == OPERATORS.len() {
            return self.unary();
        }
        let mut left = self.binary(row + 1)?;
        while let Some(operator) = self.operator(row) {
            left = Script::Binary(operator, Box::new(left), Box::new(self.binary(row + 1)?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Script, ScriptError> {
        self.operands += 1;
        if self.operands > MOST_OPERANDS {
            return Err(self.error("more than 200 operands, signs and brackets"));
        }
        if self.word("not") {
            return Ok(Script::Not(Box::new(self.unary()?)));
        }
        if self.symbol("-") {
            return Ok(Script::Minus(Box::new(self.unary()?)));
        }
        let base = self.atom()?;
        match self.symbol("^") {
            // `^` binds tighter than a sign before it, and groups from the right.
            true => Ok(Script::Binary("^", Box::new(base), Box::new(self.unary()?))),
            false => Ok(base),
        }
    }

    fn atom(&mut self) -> Result<Script, ScriptError> {
        if self.symbol("(") {
            let inner = self.binary(0)?;
            return if self.symbol(")") { Ok(inner) } else { Err(self.error("a bracket is not closed")) };
        }
        if let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let end = self.rest[1..].find(quote).ok_or_else(|| self.error("a string is not closed"))?;
            let text = &self.rest[1..=end];
            self.advance(end + 2);
            return Ok(Script::Constant(Value::Text(text.to_owned())));
        }
        if let Some(name) = self.name() {
            self.advance(name.len());
            return Ok(match name {
                "true" => Script::Constant(Value::Bool(true)),
                "false" => Script::Constant(Value::Bool(false)),
                "nil" => Script::Constant(Value::Nil),
                name => Script::Name(name.to_owned()),
            });
        }
        self.number()
    }

    fn number(&mut self) -> Result<Script, ScriptError> {
        let is_exponent = |index: usize| self.rest[..index].ends_with(['e', 'E']);
        let is_part = |(index, c): (usize, char)| match c {
            '0'..='9' | '.' => true,
            'e' | 'E' => index > 0,
            '+' | '-' => is_exponent(index),
            _ => false,
        };
        let length =
            self.rest.char_indices().find(|&part| !is_part(part)).map_or(self.rest.len(), |(at, _)| at);
        let number = self.rest[..length].parse().map_err(|_| self.error("no value"))?;
        self.advance(length);
        Ok(Script::Constant(Value::Number(number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(script: &str) -> bool {
        let value_of = |name: &str| match name {
            "a" => Value::Number(0.2),
            "b" => Value::Number(3.0),
            "c" => Value::Text("bar".into()),
            _ => Value::Nil,
        };
        Script::new(script).unwrap_or_else(|error| panic!("{error}")).holds(&value_of)
    }

    #[test]
    fn comparisons_and_arithmetic_are_those_of_lua() {
        for script in [
            "(a + b) < 4",
            "c == \"bar\"",
            "return c ~= 'foo' and b >= 3",
            "not (b < 3) or nonsense",
            "2 ^ 3 ^ 2 == 512",
            "-2 ^ 2 == -4",
            "7 % 3 == 1 and -7 % 3 == 2",
            "b - 1 - 1 == 1 and 12 / 2 / 3 == 2",
            "1e1 == 10 and 2.5e-1 == 0.25",
            "unknown == nil",
            "a < 1 and b > 2 or false",
            "not nil == true",
            "nothing or 1",
            "'abc' < 'abd'",
        ] {
            assert!(holds(script), "{script}");
        }
        for script in ["a > b", "c == 'foo'", "not 0", "unknown > 1", "a == '0.2'", "false or nil", "c < 1"] {
            assert!(!holds(script), "{script}");
        }
    }

    #[test]
    fn the_names_are_known() {
        let script = Script::new("(a + b) < 2 and not c or a == nil").unwrap();
        assert_eq!(script.names().into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for script in ["", "a <", "(a", "local x = 1", "a == 'b", "f(a)", "a ? b", "if a then return b end"] {
            assert!(Script::new(script).is_err(), "{script}");
        }
        for long in [
            "(".repeat(100_000),
            "-".repeat(100_000),
            "not ".repeat(100_000),
            "2^".repeat(100_000),
            format!("a{}", " and a".repeat(100_000)),
        ] {
            let problem = Script::new(&long).expect_err("too long").to_string();
            assert!(problem.contains("more than 200 operands") && problem.len() < 500, "{problem}");
        }
        assert!(holds(&format!("{}1{}", "(".repeat(190), ")".repeat(190))));
        let problem = Script::new("a and (b").expect_err("not closed").to_string();
        assert!(problem.starts_with("lua_script `a and (b`: a bracket is not closed"), "{problem}");
    }
}
