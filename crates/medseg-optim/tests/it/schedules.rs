//! Schedules against PyTorch's stored rates and a published training log.

use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use medseg_optim::{
    CosineWarmRestarts, Cycle, OptimError, Polynomial, Schedule, ScheduleConfig, ScheduleState, WarmupCosine,
};
use medseg_testing::{Golden, is_close};

#[test]
fn warm_restarts_equal_pytorch() {
    Golden::all("cosine_warm_restarts").iter().for_each(check_case);
}

fn check_case(case: &Golden) {
    let (file, params) = (&case.name, &case.params);
    let whole = |name: &str| params[name].as_u64().unwrap();
    let close = |got: f64, want: f64| is_close(got, want, case.rtol, case.atol);
    let [steps, lrs, t_cur, t_i, bases] =
        ["steps", "lrs", "t_cur", "t_i", "base_lrs"].map(|name| &case.tensor(name).values);
    for (group, &base) in bases.iter().enumerate() {
        let eta_min = params["eta_min"].as_f64().unwrap();
        let mut schedule = CosineWarmRestarts::new(base, whole("T_0"), whole("T_mult"), eta_min).unwrap();
        for i in 0..=steps.len() {
            let want = lrs[i * bases.len() + group];
            assert!(close(schedule.lr(), want), "{file}: rate {i} is {}, expected {want}", schedule.lr());
            assert!(close(schedule.t_cur(), t_cur[i]), "{file}: T_cur {i}");
            assert_eq!(schedule.t_i() as f64, t_i[i], "{file}: T_i {i}");
            match steps.get(i) {
                Some(epoch) if epoch.is_nan() => schedule.step(),
                Some(epoch) => schedule.step_to(*epoch).unwrap(),
                None => {}
            }
        }
    }
}

#[test]
fn rates_after_an_epoch_equal_the_reference_experiments_log() {
    // (base rate, epochs done, rate); the log's "after epoch n" is n calls of step.
    let log = [
        (0.008, 36, 0.005753484587156309),
        (0.008, 40, 0.004694592710667723),
        (0.008, 49, 0.00224651541284369),
        (0.008, 50, 0.002000000000000001),
        (0.004, 161, 0.0007686770493486834),
        (0.004, 199, 5.415176410765721e-07),
    ];
    for (base, epochs, want) in log {
        let mut schedule = CosineWarmRestarts::new(base, 5, 3, 0.0).unwrap();
        (0..epochs).for_each(|_| schedule.step());
        let got = schedule.lr();
        assert!(((got - want) / want).abs() < 1e-12, "after epoch {epochs}: {got} instead of {want}");
        schedule.step_to(f64::from(epochs)).unwrap();
        assert!(((schedule.lr() - want) / want).abs() < 1e-12);
    }
}

#[test]
fn full_rate_returns_after_epochs_5_20_65_and_200() {
    let mut schedule = CosineWarmRestarts::new(0.004, 5, 3, 0.0).unwrap();
    let mut restarts = Vec::new();
    for epoch in 0..=200 {
        if schedule.lr() == 0.004 {
            restarts.push(epoch);
        }
        schedule.step();
    }
    assert_eq!(restarts, [0, 5, 20, 65, 200]);
}

#[test]
fn a_logarithm_a_hair_too_small_puts_the_first_instant_of_a_cycle_into_the_one_before() {
    // After five cycles, 1 + 3 + 9 + 27 + 81 epochs: ln 243 / ln 3 is 4.999999999999999 here as in Python.
    let mut schedule = CosineWarmRestarts::new(0.1, 1, 3, 0.001).unwrap();
    schedule.step_to(121.0).unwrap();
    assert_eq!((schedule.t_cur(), schedule.t_i()), (81.0, 81));
    assert!((schedule.lr() - 0.001).abs() < 1e-15);
    let mut counted = CosineWarmRestarts::new(0.1, 1, 3, 0.001).unwrap();
    (0..121).for_each(|_| counted.step());
    assert_eq!((counted.t_cur(), counted.t_i(), counted.lr()), (0.0, 243, 0.1));
}

#[test]
fn warm_up_rises_in_a_line_then_falls_along_a_cosine() {
    let curve = WarmupCosine { warmup_epochs: 4, total_epochs: 12, warmup_start: 0.2, eta_min: 0.01 };
    let mut schedule = ScheduleConfig::WarmupCosine(curve).init(1.0).unwrap();
    let mut rates = Vec::new();
    for _ in 0..14 {
        rates.push(schedule.lr());
        schedule.step();
    }
    for (epoch, want) in [(0, 0.2), (1, 0.4), (2, 0.6), (3, 0.8), (4, 1.0), (8, 0.505), (12, 0.01), (13, 0.01)] {
        assert!((rates[epoch] - want).abs() < 1e-12, "epoch {epoch}: {} instead of {want}", rates[epoch]);
    }
    assert!(rates[4..13].is_sorted_by(|a, b| a >= b));
}

#[test]
fn polynomial_decay_ends_at_zero() {
    let mut schedule = ScheduleConfig::Polynomial(Polynomial { total_epochs: 10, power: 2.0 }).init(0.1).unwrap();
    assert_eq!(schedule.lr(), 0.1);
    schedule.step_to(5.0).unwrap();
    assert!((schedule.lr() - 0.025).abs() < 1e-15);
    schedule.step_to(25.0).unwrap();
    assert_eq!(schedule.lr(), 0.0);
}

fn every_kind() -> Vec<Schedule> {
    [
        ScheduleConfig::Constant,
        ScheduleConfig::CosineWarmRestarts { t_0: 3, t_mult: 2, eta_min: 1e-4 },
        ScheduleConfig::WarmupCosine(WarmupCosine {
            warmup_epochs: 2,
            total_epochs: 9,
            warmup_start: 0.0,
            eta_min: 0.0,
        }),
        ScheduleConfig::Polynomial(Polynomial { total_epochs: 12, power: 0.9 }),
    ]
    .iter()
    .map(|config| config.init(0.01).unwrap())
    .collect()
}

#[test]
fn a_saved_position_goes_on_with_the_same_bits() {
    for fresh in every_kind() {
        let mut schedule = fresh.clone();
        schedule.step_to(1.37).unwrap();
        schedule.step();
        schedule.step();
        let text = serde_json::to_string(&schedule.state()).unwrap();
        let mut by_json = fresh.clone();
        by_json.restore(&serde_json::from_str(&text).unwrap()).unwrap();
        let mut by_record = fresh.clone();
        let bytes = schedule.to_record().into_bytes().unwrap();
        by_record.load_record(LrSchedulerRecord::from_bytes(bytes).unwrap());
        for _ in 0..12 {
            assert_eq!(schedule.lr().to_bits(), by_json.lr().to_bits());
            assert_eq!(schedule.lr().to_bits(), by_record.lr().to_bits());
            schedule.step();
            by_json.step();
            by_record.step();
        }
    }
}

#[test]
fn as_a_burn_scheduler_the_first_step_gives_the_first_rate() {
    for mut plain in every_kind() {
        let mut scheduler = plain.clone();
        for _ in 0..10 {
            assert_eq!(LrScheduler::step(&mut scheduler), plain.lr());
            plain.step();
        }
    }
    let mut restarts = CosineWarmRestarts::new(0.1, 2, 1, 0.0).unwrap();
    let rates: Vec<f64> = (0..3).map(|_| LrScheduler::step(&mut restarts)).collect();
    assert!((rates[0], rates[2]) == (0.1, 0.1) && (rates[1] - 0.05).abs() < 1e-15);
    let record = restarts.to_record();
    let mut other = CosineWarmRestarts::new(0.1, 2, 1, 0.0).unwrap();
    other.load_record(record);
    assert_eq!(other, restarts);
}

#[test]
fn a_state_of_another_schedule_is_refused() {
    let kinds = every_kind();
    let (mut constant, mut restarts) = (kinds[0].clone(), kinds[1].clone());
    let foreign = |error| matches!(error, OptimError::ForeignState { .. });
    assert!(constant.restore(&kinds[1].state()).is_err_and(foreign));
    assert!(restarts.restore(&kinds[0].state()).is_err_and(foreign));
    let bad = [
        ScheduleState { epoch: f64::NAN, cycle: Some(Cycle { done: 0.0, length: 3 }) },
        ScheduleState { epoch: 1.0, cycle: Some(Cycle { done: -1.0, length: 3 }) },
        ScheduleState { epoch: 1.0, cycle: Some(Cycle { done: 0.0, length: 0 }) },
    ];
    for state in bad {
        assert!(matches!(restarts.restore(&state), Err(OptimError::OutOfRange { .. })));
    }
    // Burn's interface cannot report it; the schedule stays as it was.
    let before = restarts.clone();
    restarts.load_record(kinds[0].to_record());
    assert_eq!(restarts, before);
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let warmup = WarmupCosine { warmup_epochs: 2, total_epochs: 9, warmup_start: 0.0, eta_min: 0.0 };
    let restarts = |t_0, t_mult, eta_min| ScheduleConfig::CosineWarmRestarts { t_0, t_mult, eta_min };
    let table = [
        ("base_lr", ScheduleConfig::Constant, f64::NAN),
        ("base_lr", ScheduleConfig::Constant, -0.1),
        ("t_0", restarts(0, 1, 0.0), 0.1),
        ("t_mult", restarts(1, 0, 0.0), 0.1),
        ("eta_min", restarts(1, 1, -1.0), 0.1),
        ("total_epochs", ScheduleConfig::WarmupCosine(WarmupCosine { warmup_epochs: 9, ..warmup }), 0.1),
        ("warmup_start", ScheduleConfig::WarmupCosine(WarmupCosine { warmup_start: 1.5, ..warmup }), 0.1),
        ("eta_min", ScheduleConfig::WarmupCosine(WarmupCosine { eta_min: f64::INFINITY, ..warmup }), 0.1),
        ("total_epochs", ScheduleConfig::Polynomial(Polynomial { total_epochs: 0, power: 1.0 }), 0.1),
        ("power", ScheduleConfig::Polynomial(Polynomial { total_epochs: 1, power: 0.0 }), 0.1),
    ];
    for (name, config, base) in table {
        let error = config.init(base).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{name} = ")), "{error}");
    }
    for mut schedule in every_kind() {
        assert!(schedule.step_to(-1.0).is_err() && schedule.step_to(f64::INFINITY).is_err());
    }
}

#[test]
fn configurations_round_trip_and_unknown_entries_are_refused() {
    let text = r#"{"kind":"warmup_cosine","warmup_epochs":5,"total_epochs":50}"#;
    let config: ScheduleConfig = serde_json::from_str(text).unwrap();
    let back: ScheduleConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
    assert_eq!(config, back);
    let polynomial: ScheduleConfig = serde_json::from_str(r#"{"kind":"polynomial","total_epochs":7}"#).unwrap();
    assert_eq!(polynomial, ScheduleConfig::Polynomial(Polynomial { total_epochs: 7, power: 0.9 }));
    assert!(serde_json::from_str::<ScheduleConfig>(r#"{"kind":"polynomial","total_epochs":7,"pow":2}"#).is_err());
    assert!(serde_json::from_str::<ScheduleConfig>(r#"{"kind":"cosine_warm_restarts","t_0":7,"T_mult":2}"#).is_err());
    assert!(serde_json::from_str::<ScheduleConfig>(r#"{"kind":"staircase"}"#).is_err());
}

#[test]
fn warm_up_and_polynomial_equal_monai_and_pytorch() {
    // Written by tests/golden/generate.py.
    let text = std::fs::read_to_string("tests/golden/schedules.json").expect("the golden values");
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let base = file["base_lr"].as_f64().unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let config: ScheduleConfig = serde_json::from_value(case["config"].clone()).unwrap();
        let mut schedule = config.init(base).unwrap();
        for (epoch, want) in case["rates"].as_array().unwrap().iter().enumerate() {
            let (got, want) = (schedule.lr(), want.as_f64().unwrap());
            // PyTorch multiplies the rate of the epoch before, which adds up roundings.
            assert!(is_close(got, want, 1e-10, 1e-18), "{config:?}: epoch {epoch} is {got}, not {want}");
            schedule.step();
        }
    }
}
