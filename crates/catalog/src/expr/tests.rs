use std::collections::{BTreeMap, BTreeSet};

use backstay_model::NodeKey;
use proptest::prelude::*;

use super::*;
use crate::units::{Dimension, Quantity};

/// Knows what it is given, and nothing else.
#[derive(Debug, Default)]
struct Given(BTreeMap<SettingName, Quantity>);

impl Environment for Given {
    fn setting(&self, name: &SettingName) -> Option<Quantity> {
        self.0.get(name).cloned()
    }
    fn host(&self, name: &str) -> Option<Quantity> {
        (name == "memory").then_some(Quantity::Bytes(8 << 30))
    }
    fn primary(&self, name: &SettingName) -> Option<Quantity> {
        (name.as_str() == "n").then_some(Quantity::Count(12))
    }
    fn pooler(&self, name: &str) -> Option<Quantity> {
        (name == "pool_mode").then(|| Quantity::Text("transaction".into()))
    }
}

fn given() -> Given {
    let values = [
        ("a", Quantity::Bytes(4 << 20)),
        ("b", Quantity::Bytes(-1)),
        ("t", Quantity::Micros(5_000_000)),
        ("n", Quantity::Count(10)),
        ("f", Quantity::Fraction(0.1)),
        ("on1", Quantity::Bool(true)),
        ("word", Quantity::Text("replica".into())),
        ("empty", Quantity::Text(String::new())),
        ("switch", Quantity::Text("on".into())),
        ("list", Quantity::List(vec!["x".into(), "y z".into()])),
        ("endless", Quantity::Unlimited),
        ("big", Quantity::Count(i128::MAX)),
    ];
    Given(
        values
            .into_iter()
            .map(|(n, q)| (SettingName::new(n), q))
            .collect(),
    )
}

fn answer(text: &str) -> Tri {
    eval(&parse(text).unwrap(), &given())
}

#[test]
fn rules_hold_or_not_or_nobody_knows() {
    for (rule, expected) in [
        ("a = 4MB", Tri::True),
        ("a * 2 <= 0.001 * host.memory", Tri::True),
        ("a * n > 40MB", Tri::False),
        ("a / 1MB = 4", Tri::True),
        ("b = -1", Tri::True),
        ("b >= 0", Tri::False),
        ("t < 10s and t >= 5000ms", Tri::True),
        ("f * 3 = 0.3", Tri::True),
        ("n + 5 - 2 * 3 = 9", Tri::True),
        ("-n < 0", Tri::True),
        ("on1", Tri::True),
        ("not on1 or n in {1, 10}", Tri::True),
        ("word in {replica, logical}", Tri::True),
        ("word = 'minimal'", Tri::False),
        ("switch = on", Tri::True),
        ("switch in {on, remote_apply}", Tri::True),
        ("'x' in list", Tri::True),
        ("'y z' in list and not 'z' in list", Tri::True),
        ("is_set(word) and not is_set(empty)", Tri::True),
        ("count_set(word, empty, switch) = 2", Tri::True),
        ("min(n, 3) + max(n, 30) = 33", Tri::True),
        ("clamp(n, 1, 5) = 5", Tri::True),
        ("t < endless", Tri::True),
        ("endless <= 1d", Tri::False),
        ("missing > 3", Tri::Unknown),
        ("missing > 3 and n = 11", Tri::False),
        ("missing > 3 or n = 10", Tri::True),
        ("n = 11 => missing > 3", Tri::True),
        ("n = 10 => missing > 3", Tri::Unknown),
        ("host.cpus > 1", Tri::Unknown),
        ("n < primary.n", Tri::True),
        ("n >= primary.n", Tri::False),
        ("primary.a > 1MB", Tri::Unknown),
        ("pgbouncer.pool_mode in {session, transaction}", Tri::True),
        ("pgbouncer.pool_size > n", Tri::Unknown),
        ("word in {primary.n, host.memory}", Tri::Unknown),
        ("a < t", Tri::Unknown),
        ("a * t > 0", Tri::Unknown),
        ("n / 0 > 1", Tri::Unknown),
        ("big * big > 0", Tri::Unknown),
        ("endless - endless = 0", Tri::Unknown),
        ("n", Tri::Unknown),
        ("word < 'z'", Tri::Unknown),
    ] {
        assert_eq!(answer(rule), expected, "{rule}");
    }
}

#[test]
fn numbers_next_to_each_other_are_told_apart() {
    let env = |n| {
        Given(BTreeMap::from([(
            SettingName::new("n"),
            Quantity::Count(n),
        )]))
    };
    let rule = parse("n <= 0.95 * 2000000000").unwrap();
    assert_eq!(eval(&rule, &env(1_900_000_000)), Tri::True);
    assert_eq!(eval(&rule, &env(1_900_000_001)), Tri::False);
}

#[test]
fn errors_say_where() {
    let errors: Vec<_> = [
        "a <=",
        "a <= 5XB",
        "(a",
        "a in {",
        "'open",
        "a ? b",
        "eff(1)",
        "clamp(1, 2)",
        "a b",
        "",
        "99999999999999999999999999999999999999999 = a",
        "and",
        "is_set(a, b)",
    ]
    .into_iter()
    .map(|text| parse(text).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r##"
    at character 5 of the rule: expected a value
    at character 6 of the rule: XB is not a unit
    at character 3 of the rule: expected )
    at character 7 of the rule: expected a value
    at character 1 of the rule: the text is not closed
    at character 3 of the rule: ? means nothing here
    at character 5 of the rule: expected the name of a setting
    at character 12 of the rule: clamp takes a value, a lower and an upper end
    at character 3 of the rule: expected an operator or the end
    at character 1 of the rule: expected a value
    at character 1 of the rule: the number has too many digits
    at character 1 of the rule: expected a value
    at character 13 of the rule: expected one setting only
    "##);
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("(", ")"), ("not ", ""), ("-", ""), ("min(", ")")] {
        let text = format!("{}n{}", open.repeat(2_000), close.repeat(2_000));
        assert!(parse(&text).is_err(), "{open}");
    }
    assert!(parse(&"a => ".repeat(500)).is_err());
}

#[test]
fn slack_says_how_much_is_left() {
    let of = |text: &str| slack(&parse(text).unwrap(), &given());
    let half = of("n <= 20").unwrap();
    assert!((half.margin - 0.5).abs() < 1e-9 && half.closeness == Closeness::Far);
    assert_eq!(of("n <= 11").unwrap().closeness, Closeness::Near);
    let beyond = of("a <= 2MB").unwrap();
    assert!((beyond.margin + 0.5).abs() < 1e-9 && beyond.closeness == Closeness::Violated);
    assert_eq!(beyond.dimension, Some(Dimension::Bytes));
    assert_eq!(
        of("n = 10 => n < 10").unwrap().closeness,
        Closeness::Violated
    );
    assert_eq!(of("n = 11 => n < 10"), None);
    assert_eq!(of("word = 'x'"), None);
    assert_eq!(of("t <= endless").unwrap().closeness, Closeness::Far);
}

#[test]
fn rules_that_say_the_same_have_one_form() {
    let form = |text: &str| normalise(parse(text).unwrap()).to_string();
    for (a, b) in [
        ("a >= b + n * 2", "2 * n + b <= a"),
        ("on1 and (x or y) and z", "z and on1 and (y or x)"),
        ("w in {p, q}", "w in {q, p, p}"),
        ("not not on1", "on1"),
        ("count_set(a, b) <= 1", "1 >= count_set(b, a)"),
    ] {
        assert_eq!(form(a), form(b));
        assert_eq!(form(&form(a)), form(a));
    }
    assert_ne!(form("a < b"), form("a <= b"));
    assert_ne!(form("a - b > 0"), form("b - a > 0"));
}

#[test]
fn a_size_is_not_compared_with_a_time() {
    let kinds = |name: &SettingName| match name.as_str() {
        "size" => Some(Type::Number(Some(Dimension::Bytes))),
        "time" => Some(Type::Number(Some(Dimension::Micros))),
        "word" => Some(Type::Text),
        _ => None,
    };
    let of = |text: &str| type_of(&parse(text).unwrap(), &kinds);
    assert_eq!(of("size * 2 <= host.memory and time > 0"), Ok(Type::Bool));
    assert!(of("size < time").is_err());
    assert!(of("size < 5").is_err());
    assert!(of("word + 1 = 2").is_err());
    assert!(of("strange = 1").is_err());
    assert!(of("primary.size < time").is_err());
    assert!(of("pgbouncer.pool_mode > 1").is_err());
    assert_eq!(of("pgbouncer.server_idle_timeout < time"), Ok(Type::Bool));
    assert_eq!(vars(&parse("eff(size) < host.memory").unwrap()).len(), 2);
    let across = parse("size < primary.size and pgbouncer.users > 1").unwrap();
    let names: Vec<String> = vars(&across).iter().map(written).collect();
    assert_eq!(names, ["size", "pgbouncer.users", "primary.size"]);
    let back: BTreeSet<NodeKey> = names.iter().map(|n| node(n)).collect();
    assert_eq!(back, vars(&across));
}

fn expression() -> impl Strategy<Value = Expr> {
    let name = prop::sample::select(vec![
        "a", "b", "t", "n", "f", "on1", "word", "list", "gone", "big",
    ]);
    let unit = prop::sample::select(vec![
        None,
        Unit::parse("kB"),
        Unit::parse("min"),
        Unit::parse("d"),
    ]);
    let leaf = prop_oneof![
        (-1000_i128..100_000, 0_u32..4, unit)
            .prop_map(|(m, s, u)| Expr::Number(Decimal::new(m, s, u))),
        "[a-z' ]{0,6}".prop_map(Expr::Text),
        any::<bool>().prop_map(Expr::Bool),
        name.clone()
            .prop_map(|n| Expr::Setting(SettingName::new(n))),
        name.clone()
            .prop_map(|n| Expr::Effective(SettingName::new(n))),
        name.clone().prop_map(|n| Expr::IsSet(SettingName::new(n))),
        prop::collection::vec(name.prop_map(SettingName::new), 1..4).prop_map(Expr::CountSet),
        Just(Expr::Host("memory".into())),
        prop::sample::select(vec!["n", "gone"]).prop_map(|n| Expr::Primary(SettingName::new(n))),
        prop::sample::select(vec!["pool_mode", "gone"]).prop_map(|n| Expr::Pooler(n.to_owned())),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let two = (inner.clone(), inner.clone()).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
        let arithmetic = prop::sample::select(vec![
            Arithmetic::Add,
            Arithmetic::Subtract,
            Arithmetic::Multiply,
            Arithmetic::Divide,
        ]);
        let comparison = prop::sample::select(vec![
            Comparison::Less,
            Comparison::LessEqual,
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::GreaterEqual,
            Comparison::Greater,
        ]);
        let not_number = |e: &Expr| !matches!(e, Expr::Number(_));
        prop_oneof![
            (arithmetic, two.clone()).prop_map(|(op, (a, b))| Expr::Arithmetic(op, a, b)),
            (comparison, two.clone()).prop_map(|(op, (a, b))| Expr::Compare(op, a, b)),
            two.clone().prop_map(|(a, b)| Expr::ItemOf(a, b)),
            two.prop_map(|(a, b)| Expr::Implies(a, b)),
            inner.clone().prop_map(|a| Expr::Not(Box::new(a))),
            inner
                .clone()
                .prop_filter("folded", not_number)
                .prop_map(|a| Expr::Negative(Box::new(a))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            prop::collection::vec(inner.clone(), 3..4).prop_map(|v| Expr::Call(Function::Clamp, v)),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|v| Expr::Call(Function::Min, v)),
            (inner.clone(), prop::collection::vec(inner, 1..4))
                .prop_map(|(a, v)| Expr::OneOf(Box::new(a), v)),
        ]
    })
}

/// Any value at all, the absurd ones among them.
fn quantity_of_any_kind() -> impl Strategy<Value = Quantity> {
    let number = prop_oneof![
        any::<i128>(),
        Just(i128::MIN),
        Just(i128::MAX),
        -2_i128..3,
        any::<i64>().prop_map(i128::from),
    ];
    prop_oneof![
        number.clone().prop_map(Quantity::Bytes),
        number.clone().prop_map(Quantity::Micros),
        number.prop_map(Quantity::Count),
        any::<f64>().prop_map(Quantity::Fraction),
        any::<bool>().prop_map(Quantity::Bool),
        "\\PC{0,8}".prop_map(Quantity::Text),
        prop::collection::vec("\\PC{0,4}", 0..4).prop_map(Quantity::List),
        Just(Quantity::Unlimited),
    ]
}

fn any_environment() -> impl Strategy<Value = Given> {
    let names = ["a", "b", "t", "n", "f", "on1", "word", "list", "big"];
    let values = prop::collection::vec(prop::option::of(quantity_of_any_kind()), names.len());
    values.prop_map(move |values| {
        let known = names.into_iter().zip(values);
        Given(
            known
                .filter_map(|(n, q)| Some((SettingName::new(n), q?)))
                .collect(),
        )
    })
}

proptest! {
    #[test]
    fn evaluation_never_panics_on_any_value(expr in expression(), env in any_environment()) {
        let before = eval(&expr, &env);
        // Slack and truth never contradict each other.
        if let Some(slack) = slack(&expr, &env) {
            prop_assert!(!slack.margin.is_nan());
            let compared = matches!(expr, Expr::Compare(..));
            prop_assert!(!compared || (slack.closeness == Closeness::Violated) == (before == Tri::False));
        }
        std::hint::black_box(quantity(&expr, &env));
        std::hint::black_box(eval(&normalise(expr), &env));
    }

    #[test]
    fn what_is_written_reads_back(expr in expression()) {
        let text = expr.to_string();
        prop_assert_eq!(parse(&text), Ok(expr), "{}", text);
    }

    #[test]
    fn evaluation_is_total_and_keeps_its_meaning(expr in expression()) {
        let env = given();
        let before = eval(&expr, &env);
        prop_assert!(slack(&expr, &env).is_none_or(|s| !s.margin.is_nan()));
        drop(quantity(&expr, &env));
        let form = normalise(expr);
        prop_assert_eq!(normalise(form.clone()), form.clone());
        let after = eval(&form, &env);
        let overflow = before == Tri::Unknown || after == Tri::Unknown;
        prop_assert!(overflow || before == after);
    }

    #[test]
    fn reading_never_panics(text in "\\PC{0,60}") {
        drop(parse(&text));
    }

    #[test]
    fn reading_words_never_panics(words in prop::collection::vec(
        prop::sample::select(vec!["a", "and", "not", "in", "{", "}", "(", ")", "<=", "=>", "1kB", "-", "'t'", "eff", "min", ",", "host.memory"]), 0..30)) {
        drop(parse(&words.join(" ")));
    }
}
