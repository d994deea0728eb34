//! Norms and activations by MONAI's names.

use medseg_architecture::{Layer, Step};

use super::MOST_CHANNELS;
use crate::BundleProblem;
use crate::config::{Component, Node, Value, whole};

/// Layers behind a convolution: norm and activation in an order. Dropout does nothing in a prediction.
pub(super) struct Adn {
    norm: Option<Layer>,
    activation: Option<Layer>,
    /// Letters of MONAI's `adn_ordering` without the D.
    ordering: Vec<char>,
}

impl Adn {
    /// Reads `norm`, `act` and `adn_ordering`.
    pub fn read(
        component: &mut Component<'_>,
        norm: Option<Layer>,
        activation: Layer,
        ordering: &str,
    ) -> Result<Self, BundleProblem> {
        let norm = norm_argument(component, "norm", norm)?;
        let activation = activation_argument(component, "act", Some(activation))?;
        let given =
            component.optional_text("adn_ordering")?.unwrap_or_else(|| ordering.to_owned()).to_ascii_uppercase();
        let letters: Vec<char> = given.chars().collect();
        let once = |letter: &char| letters.iter().filter(|other| *other == letter).count() == 1;
        if !letters.iter().all(|letter| "NDA".contains(*letter) && once(letter)) {
            return Err(BundleProblem::unsupported(
                component.argument("adn_ordering"),
                given,
                "N, D and A, each at most once",
            ));
        }
        Ok(Self { norm, activation, ordering: letters.into_iter().filter(|letter| *letter != 'D').collect() })
    }

    /// The layers under the prefix of a convolution, such as `conv.unit0.`.
    pub fn steps(&self, prefix: &str) -> Vec<Step> {
        let layer = |letter: &char| match letter {
            'N' => self.norm.clone(),
            _ => self.activation.clone(),
        };
        let step = |letter| Some(Step::named(format!("{prefix}adn.{letter}"), layer(letter)?));
        self.ordering.iter().filter_map(step).collect()
    }
}

/// A name with arguments: `"batch"` or `["group", {"num_groups": 8}]`.
struct Named<'a> {
    name: String,
    arguments: Option<Node<'a>>,
}

fn named<'a>(component: &Component<'a>, argument: &str, value: Value<'a>) -> Result<Named<'a>, BundleProblem> {
    let wrong = || BundleProblem::value(component.argument(argument), "a name, or a name with its arguments");
    match value {
        Value::Text(name) => Ok(Named { name: name.to_ascii_lowercase(), arguments: None }),
        Value::List(mut parts) if parts.len() == 2 => match (parts.remove(0), parts.remove(0)) {
            (Value::Text(name), Value::Object(node)) if node.target().is_none() => {
                Ok(Named { name: name.to_ascii_lowercase(), arguments: Some(node) })
            }
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

/// The arguments of a named layer, which are refused unless they are read.
struct Arguments<'a, 'b> {
    component: &'b Component<'a>,
    argument: &'b str,
    name: String,
    left: Vec<(String, Value<'a>)>,
}

impl<'a, 'b> Arguments<'a, 'b> {
    fn new(component: &'b Component<'a>, argument: &'b str, named: Named<'a>) -> Result<Self, BundleProblem> {
        let mut left = Vec::new();
        if let Some(node) = &named.arguments
            && let Some(object) = node.raw.as_object()
        {
            for (key, raw) in object {
                left.push((key.clone(), component.config().resolve(&node.below(key, raw))?));
            }
        }
        Ok(Self { component, argument, name: named.name, left })
    }

    fn id(&self, key: &str) -> String {
        format!("{}#{key}", self.component.argument(self.argument))
    }

    fn take(&mut self, key: &str) -> Option<Value<'a>> {
        let at = self.left.iter().position(|(name, _)| name == key)?;
        Some(self.left.remove(at).1)
    }

    fn number(&mut self, key: &str, default: f64) -> Result<f64, BundleProblem> {
        match self.take(key) {
            None => Ok(default),
            Some(value) => value.number().ok_or_else(|| BundleProblem::value(self.id(key), "a number")),
        }
    }

    fn flag(&mut self, key: &str, default: bool) -> Result<bool, BundleProblem> {
        match self.take(key) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(value),
            Some(_) => Err(BundleProblem::value(self.id(key), "true or false")),
        }
    }

    /// Refuses a flag with another value.
    fn only(&mut self, key: &str, supported: bool) -> Result<(), BundleProblem> {
        match self.flag(key, supported)? == supported {
            true => Ok(()),
            false => Err(BundleProblem::unsupported(self.id(key), (!supported).to_string(), supported.to_string())),
        }
    }

    fn finish(self, layer: Layer) -> Result<Option<Layer>, BundleProblem> {
        match self.left.first() {
            Some((key, _)) => Err(BundleProblem::Argument {
                id: self.component.argument(self.argument),
                class: self.name.clone(),
                argument: key.clone(),
            }),
            None => Ok(Some(layer)),
        }
    }
}

/// The layer that an argument asks for.
enum Choice<'a> {
    /// The argument is not given.
    Default,
    /// `None`, or an empty name.
    NoLayer,
    Layer(Named<'a>),
}

fn choice<'a>(component: &mut Component<'a>, argument: &str) -> Result<Choice<'a>, BundleProblem> {
    match component.take(argument)? {
        None => Ok(Choice::Default),
        Some(Value::None) => Ok(Choice::NoLayer),
        Some(Value::Text(text)) if text.is_empty() => Ok(Choice::NoLayer),
        Some(value) => named(component, argument, value).map(Choice::Layer),
    }
}

/// The norm of an argument; nothing for `None` and an empty name.
pub(super) fn norm_argument(
    component: &mut Component<'_>,
    argument: &str,
    default: Option<Layer>,
) -> Result<Option<Layer>, BundleProblem> {
    let mut of = match choice(component, argument)? {
        Choice::Default => return Ok(default),
        Choice::NoLayer => return Ok(None),
        Choice::Layer(named) => Arguments::new(component, argument, named)?,
    };
    match of.name.as_str() {
        "instance" | "instance_nvfuser" => {
            let (affine, eps) = (of.flag("affine", false)?, of.number("eps", 1e-5)?);
            of.number("momentum", 0.1)?;
            of.only("track_running_stats", false)?;
            of.finish(Layer::InstanceNorm { affine, eps })
        }
        "batch" | "syncbatch" => {
            let (eps, momentum) = (of.number("eps", 1e-5)?, of.number("momentum", 0.1)?);
            of.only("affine", true)?;
            of.only("track_running_stats", true)?;
            of.finish(Layer::BatchNorm { eps, momentum })
        }
        "group" => {
            let groups = of.take("num_groups").ok_or_else(|| BundleProblem::missing(of.id("num_groups")))?;
            let groups = whole(&groups, 1, MOST_CHANNELS)
                .ok_or_else(|| BundleProblem::value(of.id("num_groups"), "a whole number over 0"))?;
            let eps = of.number("eps", 1e-5)?;
            of.only("affine", true)?;
            of.finish(Layer::GroupNorm { groups, eps })
        }
        other => Err(BundleProblem::unsupported(component.argument(argument), other, "instance, batch and group")),
    }
}

/// The activation of an argument; nothing for `None` and an empty name.
pub(super) fn activation_argument(
    component: &mut Component<'_>,
    argument: &str,
    default: Option<Layer>,
) -> Result<Option<Layer>, BundleProblem> {
    let mut of = match choice(component, argument)? {
        Choice::Default => return Ok(default),
        Choice::NoLayer => return Ok(None),
        Choice::Layer(named) => Arguments::new(component, argument, named)?,
    };
    of.take("inplace");
    match of.name.clone().as_str() {
        "relu" => of.finish(Layer::Relu),
        "leakyrelu" => {
            let slope = of.number("negative_slope", 0.01)?;
            of.finish(Layer::LeakyRelu { slope })
        }
        "prelu" => {
            // The start of the slope, which the state dict replaces.
            of.number("init", 0.25)?;
            let slopes = of.take("num_parameters").unwrap_or(Value::Int(1));
            if slopes != Value::Int(1) {
                return Err(BundleProblem::unsupported(of.id("num_parameters"), slopes.kind(), "1"));
            }
            of.finish(Layer::Prelu { per_channel: false })
        }
        "elu" | "swish" | "memswish" => {
            let layer = if of.name == "elu" { Layer::Elu } else { Layer::Silu };
            match of.number("alpha", 1.0)? {
                1.0 => of.finish(layer),
                alpha => Err(BundleProblem::unsupported(of.id("alpha"), alpha.to_string(), "1")),
            }
        }
        "gelu" => of.finish(Layer::Gelu),
        other => Err(BundleProblem::unsupported(
            component.argument(argument),
            other,
            "relu, leakyrelu, prelu, elu, swish, memswish and gelu",
        )),
    }
}
