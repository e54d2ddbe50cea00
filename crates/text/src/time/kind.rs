//! Kinds and units of the words of time, as `lexicon/time_words.tsv` names them.

/// Names every kind once; the second column is its name in the table.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What a word of time is; the table names it in its column `kind`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind.
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name in the table.
            #[cfg(test)]
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Reads the cell of the table.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                match text {
                    $($name => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// Before a number: 約.
    About = "about",
    /// An event with 後, before a count: 術後.
    After = "after",
    /// Behind an age: 時, の頃.
    AgeTail = "age-tail",
    /// 前.
    Ago = "ago",
    /// Behind a length: ほど, 以上.
    Approximate = "approximate",
    /// A word that counts, number and unit: 数日, 半年.
    Count = "count",
    /// A part of the day, with its hours: 朝, 午後.
    Daypart = "daypart",
    /// An era, with the year before its first and its last year.
    Era = "era",
    /// An event that days are counted from: 入院.
    Event = "event",
    /// 毎, ごと, おき.
    Every = "every",
    /// 元 of 元年.
    First = "first",
    /// 度 of 年度.
    Fiscal = "fiscal",
    /// から, より.
    FrameSince = "frame-since",
    /// Part of the expression: 以降.
    FrameSinceWithin = "frame-since-within",
    /// まで.
    FrameUntil = "frame-until",
    /// Part of the expression: 以前.
    FrameUntilWithin = "frame-until-within",
    /// 半.
    Half = "half",
    /// A label of a day in hospital: POD.
    Label = "label",
    /// A stretch up to now: ここ, 最近.
    Last = "last",
    /// Says that a count of days is a length: 続, 経過.
    Lasting = "lasting",
    /// 後.
    Later = "later",
    /// A length without a number: 長期間.
    Length = "length",
    /// A stage of life, with its years: 幼少時.
    Life = "life",
    /// Counts from the birth: 生後, 日齢.
    LifeClock = "life-clock",
    /// A letter that is a unit only in company: 3M後.
    LooseUnit = "loose-unit",
    /// A meal, with its hours: 夕食後.
    Meal = "meal",
    /// A day told from one named before: 翌日.
    NarrativeDay = "narrative-day",
    /// 翌月.
    NarrativeMonth = "narrative-month",
    /// 翌週.
    NarrativeWeek = "narrative-week",
    /// 翌年.
    NarrativeYear = "narrative-year",
    /// Only begins like a word of time: 分割.
    None = "none",
    /// 現在.
    Now = "now",
    /// の.
    Of = "of",
    /// 第.
    Ordinal = "ordinal",
    /// 目.
    OrdinalTail = "ordinal-tail",
    /// A part of a month or year: 上旬, 末.
    Part = "part",
    /// に.
    Particle = "particle",
    /// The past, with days before the note where they are meant: 先日.
    Past = "past",
    /// Behind an age that describes the person: 男性.
    Person = "person",
    /// Says that a date is ahead: 予定.
    Plan = "plan",
    /// A day told from the note's: 昨日.
    RelativeDay = "relative-day",
    /// 先月.
    RelativeMonth = "relative-month",
    /// 先週.
    RelativeWeek = "relative-week",
    /// 昨年.
    RelativeYear = "relative-year",
    /// A season, with its months.
    Season = "season",
    /// How often: 毎日.
    Set = "set",
    /// 病日.
    SickDay = "sick-day",
    /// 来 of 10年来.
    SinceAgo = "since-ago",
    /// 間.
    Span = "span",
    /// A stage without a count: 術後, 入院時.
    Stage = "stage",
    /// Before a number that adds up: 計.
    Total = "total",
    /// A unit behind a number.
    Unit = "unit",
    /// 頃, 過ぎ.
    Vague = "vague",
    /// A weekday, Monday is 1.
    Weekday = "weekday",
    /// 西暦.
    WesternYear = "western-year",
}

/// Units of time and of what is counted in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    /// A month by its name (3月).
    MonthName,
    /// An hour by its name (9時).
    Clock,
    /// Years of life.
    Age,
    /// A decade of life (40代).
    Decade,
    /// A decade of the calendar (1990年代).
    CalendarDecade,
    /// How often (3回).
    Times,
    /// Courses of a therapy.
    Course,
}

impl Unit {
    /// Reads the cell of the table.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "second" => Self::Second,
            "minute" => Self::Minute,
            "hour" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "year" => Self::Year,
            "month-name" => Self::MonthName,
            "clock" => Self::Clock,
            "age" => Self::Age,
            "decade" => Self::Decade,
            "calendar-decade" => Self::CalendarDecade,
            "times" => Self::Times,
            "course" => Self::Course,
            _ => return None,
        })
    }

    /// Whether it measures a length of time.
    pub(super) fn is_length(self) -> bool {
        self <= Self::Year
    }
}
