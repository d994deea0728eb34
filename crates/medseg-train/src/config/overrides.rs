//! Single settings changed by name, as the command line does.

use toml::{Table, Value};

use super::ExperimentConfig;
use crate::TrainError;

impl ExperimentConfig {
    /// Changes one setting, given as `key=value`: the key as in a file with dots between tables, the value in TOML (a word
    /// that is no TOML value is taken as text).
    ///
    /// ```
    /// use medseg_train::{Experiment, Preset};
    ///
    /// let mut config = Preset::Quick.config(Experiment::OneStage);
    /// config.set("fine.gradient.accumulate=2")?;
    /// config.set("fine.loss={ kind = \"tversky\", beta = 0.7 }")?;
    /// config.set("data.on_bad_case=skip")?;
    /// assert_eq!(config.fine.gradient.accumulate, 2);
    /// assert!(config.set("fine.epoch=2").unwrap_err().to_string().contains("fine.epoch"));
    /// # Ok::<(), medseg_train::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// [`TrainError::Config`] naming a key that is unknown or a value of the wrong type. What the value means is checked by
    /// [`validate`](Self::validate).
    pub fn set(&mut self, assignment: &str) -> Result<(), TrainError> {
        let fail = |reason: String| TrainError::Config(format!("{}: {}", assignment.trim(), reason.trim()));
        let (key, value) = assignment.split_once('=').ok_or_else(|| fail("use key=value".into()))?;
        let mut all = Table::try_from(&*self).map_err(|e| fail(e.to_string()))?;
        let names: Vec<&str> = key.trim().split('.').collect();
        put(&mut all, &names, read_value(value.trim())).map_err(fail)?;
        let mut changed: Self = all.try_into().map_err(|e: toml::de::Error| fail(one_line(e.message())))?;
        if is_loss(&names) && !names_form(value) {
            changed.fit_loss_forms(names[0]);
        }
        if names == ["cascade", "mask_channel"] || names == ["data", "channels"] {
            changed.set_channels(changed.data.channels);
        }
        *self = changed;
        Ok(())
    }

    /// Gives a stage's loss the form that its network's channels need.
    fn fit_loss_forms(&mut self, stage: &str) {
        let stage = if stage == "coarse" { self.coarse.as_mut() } else { Some(&mut self.fine) };
        if let Some(stage) = stage {
            stage.loss = stage.loss.clone().for_channels(stage.network.out_channels());
        }
    }
}

/// True for a whole loss, or the choice of its kind.
fn is_loss(names: &[&str]) -> bool {
    matches!(names, [_, "loss"] | [_, "loss", "kind"])
}

/// True for a loss whose activation is given with it.
fn names_form(value: &str) -> bool {
    value.contains("activation") || value.contains("to_onehot_y")
}

/// A TOML value, or text.
fn read_value(text: &str) -> Value {
    let document = toml::from_str::<Table>(&format!("value = {text}"));
    let value = document.ok().and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_string()))
}

fn put(table: &mut Table, names: &[&str], value: Value) -> Result<(), String> {
    match names {
        [] | [""] => Err("the key is empty".into()),
        // The settings of another kind of loss have no meaning.
        ["loss", "kind"] => {
            table.insert("loss".into(), Table::from_iter([("kind".to_string(), value)]).into());
            Ok(())
        }
        [name] => {
            table.insert((*name).to_string(), value);
            Ok(())
        }
        [name, rest @ ..] => match table.entry(*name).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(inner) => put(inner, rest, value),
            _ => Err(format!("{name} is no table")),
        },
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use crate::config::{Experiment, OptimizerRule, Preset, SgdConfig};

    #[test]
    fn nested_settings_are_set_and_the_others_stay() {
        let original = Preset::Quick.config(Experiment::TwoStage);
        let mut config = original.clone();
        config.set("coarse.epochs=3").unwrap();
        config.set(" fine.optimizer.rule = { kind = \"sgd\" } ").unwrap();
        config.set("fine.boxes=predicted").unwrap();
        config.set("fine.ema.decay=0.9").unwrap();
        assert_eq!(config.coarse.as_ref().unwrap().epochs, 3);
        assert_eq!(config.fine.optimizer.rule, OptimizerRule::Sgd(SgdConfig::default()));
        assert_eq!(config.fine.ema.unwrap().decay, 0.9);
        assert_eq!(config.fine.epochs, original.fine.epochs);
        config.validate().unwrap();
    }

    #[test]
    fn the_kind_of_a_loss_is_enough_for_one_class_and_for_several() {
        for kind in
            ["dice", "dice_cross_entropy", "dice_focal", "generalized_dice", "tversky", "focal", "cross_entropy"]
        {
            for labels in [vec![], vec![1, 2]] {
                let mut config = Preset::Quick.config(Experiment::TwoStage);
                config.data.labels = labels;
                config.separate_classes();
                config.set("fine.loss.weight=[1.0, 1.0]").unwrap_or_default();
                config.set(&format!("fine.loss.kind={kind}")).unwrap();
                config.set(&format!("coarse.loss={{ kind = {kind:?} }}")).unwrap();
                config.validate().unwrap();
                assert_eq!(config.fine.loss.name(), kind);
            }
        }
        // A form that is given stays, and is refused where it does not fit.
        let mut config = Preset::Quick.config(Experiment::OneStage);
        config.set("fine.loss={ kind = \"dice\", activation = \"softmax\", to_onehot_y = true }").unwrap();
        assert!(config.validate().is_err());
    }

    #[test]
    fn mistakes_are_named_and_change_nothing() {
        let original = Preset::Quick.config(Experiment::OneStage);
        for (text, name) in [
            ("fine.epochs", "key=value"),
            ("=3", "key"),
            ("fine.epoch=3", "unknown field"),
            ("fine.epochs=many", "fine.epochs=many"),
            ("seed.of=3", "seed"),
            ("fine.loss.kind=hinge", "hinge"),
        ] {
            let mut config = original.clone();
            let error = config.set(text).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(name), "{text}: {error}");
            assert!(!error.to_string().contains('\n'));
            assert_eq!(config, original);
        }
    }
}
