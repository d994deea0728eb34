//! The loss of a stage: one of medseg-losses, chosen by name.

use burn::tensor::Tensor;
use medseg_losses::{
    CrossEntropyLoss, CrossEntropyLossConfig, DiceCrossEntropyLoss, DiceCrossEntropyLossConfig, DiceFocalLoss,
    DiceFocalLossConfig, DiceLoss, DiceLossConfig, FocalLoss, FocalLossConfig, GeneralizedDiceLoss,
    GeneralizedDiceLossConfig, LossActivation, TverskyLoss, TverskyLossConfig,
};
use medseg_volume::error_chain;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// Which loss is minimised; in a file the entry `kind` chooses it and the other entries are that loss's own.
///
/// ```
/// use medseg_train::LossConfig;
///
/// let text = "kind = \"dice_cross_entropy\"\nlambda_ce = 0.5\ndice = { activation = \"softmax\", to_onehot_y = true }";
/// let loss: LossConfig = toml::from_str(text)?;
/// assert_eq!(loss.name(), "dice_cross_entropy");
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LossConfig {
    /// See [`DiceLossConfig`].
    Dice(DiceLossConfig),
    /// See [`DiceCrossEntropyLossConfig`].
    DiceCrossEntropy(DiceCrossEntropyLossConfig),
    /// See [`DiceFocalLossConfig`].
    DiceFocal(DiceFocalLossConfig),
    /// See [`GeneralizedDiceLossConfig`].
    GeneralizedDice(GeneralizedDiceLossConfig),
    /// See [`TverskyLossConfig`].
    Tversky(TverskyLossConfig),
    /// See [`FocalLossConfig`].
    Focal(FocalLossConfig),
    /// See [`CrossEntropyLossConfig`].
    CrossEntropy(CrossEntropyLossConfig),
}

impl Default for LossConfig {
    /// Dice with sigmoid, the loss of the experiments.
    fn default() -> Self {
        Self::Dice(DiceLossConfig::default())
    }
}

/// Calls the same method on whichever loss it is.
macro_rules! each {
    ($value:expr, $of:ident, $loss:ident => $result:expr) => {
        match $value {
            $of::Dice($loss) => $result,
            $of::DiceCrossEntropy($loss) => $result,
            $of::DiceFocal($loss) => $result,
            $of::GeneralizedDice($loss) => $result,
            $of::Tversky($loss) => $result,
            $of::Focal($loss) => $result,
            $of::CrossEntropy($loss) => $result,
        }
    };
}

impl LossConfig {
    /// The entry `kind`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dice(_) => "dice",
            Self::DiceCrossEntropy(_) => "dice_cross_entropy",
            Self::DiceFocal(_) => "dice_focal",
            Self::GeneralizedDice(_) => "generalized_dice",
            Self::Tversky(_) => "tversky",
            Self::Focal(_) => "focal",
            Self::CrossEntropy(_) => "cross_entropy",
        }
    }

    /// The same loss for a network of this many output channels: sigmoid for one, softmax and class numbers for several.
    #[must_use]
    pub fn for_channels(mut self, channels: usize) -> Self {
        let (activation, to_onehot_y) = self.form();
        (*activation, *to_onehot_y) =
            if channels == 1 { (LossActivation::Sigmoid, false) } else { (LossActivation::Softmax, true) };
        self
    }

    fn form(&mut self) -> (&mut LossActivation, &mut bool) {
        match self {
            Self::Dice(c) => (&mut c.activation, &mut c.to_onehot_y),
            Self::DiceCrossEntropy(c) => (&mut c.dice.activation, &mut c.dice.to_onehot_y),
            Self::DiceFocal(c) => (&mut c.dice.activation, &mut c.dice.to_onehot_y),
            Self::GeneralizedDice(c) => (&mut c.activation, &mut c.to_onehot_y),
            Self::Tversky(c) => (&mut c.activation, &mut c.to_onehot_y),
            Self::Focal(c) => (&mut c.activation, &mut c.to_onehot_y),
            Self::CrossEntropy(c) => (&mut c.activation, &mut c.to_onehot_y),
        }
    }

    /// Refuses what cannot work with this many output channels; the message begins with the setting's name.
    pub(crate) fn validate(&self, channels: usize) -> Result<(), String> {
        if self.clone().for_channels(channels) != *self {
            return Err(match channels {
                1 => "one output channel needs activation = \"sigmoid\" and to_onehot_y = false".into(),
                n => format!("{n} output channels need activation = \"softmax\" and to_onehot_y = true"),
            });
        }
        let loss = self.init().map_err(|e| error_chain(&e))?;
        each!(loss, Loss, l => l.check_shapes([1, channels, 1, 1, 1], [1; 5])).map_err(|e| error_chain(&e))
    }

    /// The loss with these settings.
    pub(crate) fn init(&self) -> Result<Loss, TrainError> {
        Ok(match self {
            Self::Dice(c) => Loss::Dice(c.init()?),
            Self::DiceCrossEntropy(c) => Loss::DiceCrossEntropy(c.init()?),
            Self::DiceFocal(c) => Loss::DiceFocal(c.init()?),
            Self::GeneralizedDice(c) => Loss::GeneralizedDice(c.init()?),
            Self::Tversky(c) => Loss::Tversky(c.init()?),
            Self::Focal(c) => Loss::Focal(c.init()?),
            Self::CrossEntropy(c) => Loss::CrossEntropy(c.init()?),
        })
    }
}

/// A loss ready to be computed.
#[derive(Clone, Debug)]
pub(crate) enum Loss {
    Dice(DiceLoss),
    DiceCrossEntropy(DiceCrossEntropyLoss),
    DiceFocal(DiceFocalLoss),
    GeneralizedDice(GeneralizedDiceLoss),
    Tversky(TverskyLoss),
    Focal(FocalLoss),
    CrossEntropy(CrossEntropyLoss),
}

impl Loss {
    /// Logits `[batch, channels, depth, height, width]`, target of one channel; shape `[1]`.
    pub fn forward(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        each!(self, Self, l => l.forward(logits, target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<LossConfig> {
        let kinds =
            ["dice", "dice_cross_entropy", "dice_focal", "generalized_dice", "tversky", "focal", "cross_entropy"];
        kinds.iter().map(|kind| toml::from_str(&format!("kind = {kind:?}")).unwrap()).collect()
    }

    #[test]
    fn every_loss_fits_one_channel_by_default_and_several_when_asked() {
        for loss in all() {
            loss.validate(1).unwrap();
            assert!(loss.validate(3).unwrap_err().contains("softmax"), "{}", loss.name());
            loss.clone().for_channels(3).validate(3).unwrap();
            assert!(loss.for_channels(3).validate(1).unwrap_err().contains("sigmoid"));
        }
    }

    #[test]
    fn unknown_kinds_and_keys_and_wrong_weights_are_named() {
        let error = |text: &str| toml::from_str::<LossConfig>(text).unwrap_err().to_string();
        assert!(error("kind = \"hinge\"").contains("hinge"));
        assert!(error("kind = \"dice\"\njacard = true").contains("jacard"));
        let loss: LossConfig =
            toml::from_str("kind = \"dice\"\nactivation = \"softmax\"\nto_onehot_y = true\nweight = [1.0, 2.0]")
                .unwrap();
        assert!(loss.validate(3).unwrap_err().contains('2'));
    }

    #[test]
    fn a_loss_is_that_of_its_own_crate() {
        let device = burn::tensor::Device::flex();
        let logits = Tensor::<5>::zeros([1, 3, 2, 2, 2], &device);
        let target = Tensor::<5>::ones([1, 1, 2, 2, 2], &device);
        let settings = LossConfig::CrossEntropy(CrossEntropyLossConfig::default()).for_channels(3);
        let loss = settings.init().unwrap().forward(logits, target).into_scalar::<f32>();
        assert!((loss - 3f32.ln()).abs() < 1e-6, "{loss}");
    }
}
