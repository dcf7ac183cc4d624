"""The words of SQL that the agent may use. What is not named here is refused, whatever it is.

No word makes a text longer than its arguments: DuckDB's memory limit does not count the bytes of one long text, so
`||`, repeat, replace, lpad, string_agg and lists stay outside. No word knows a clock or dice: the same question on the
same bytes has the same answer. No word reads anything but its arguments.
"""

# The expressions of sqlglot's tree, by class name.
_NODES = """
Add Alias All And Any Between BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Boolean CTE Case Cast Column DataType
DataTypeParam Distinct Div EQ Escape Except Exists Filter From GT GTE Group Having ILike Identifier If IgnoreNulls
In IntDiv Intersect Interval Is Join LT LTE Like Limit Literal Mod Mul NEQ Neg Not Null NullSafeEQ NullSafeNEQ
Offset Or Order Ordered Paren Qualify Select SimilarTo Star Sub Subquery Table TableAlias Tuple TryCast Union Var
Where Window WindowSpec With WithinGroup
"""
NODES = frozenset(_NODES.split())
# The functions of sqlglot's tree, by class name.
_FUNCTIONS = """
Abs AnyValue ApproxDistinct ArgMax ArgMin Avg Ceil Coalesce Contains Corr Count CountIf CumeDist Date DateDiff
DateFromParts Day DayOfWeek DayOfWeekIso DayOfYear Dayname DenseRank EndsWith Exp Extract FirstValue Floor Greatest
Hour IsNan Kurtosis Lag LastDay LastValue Lead Least Left Length Ln Log LogicalAnd LogicalOr Lower Max Median Min
Minute Mode Month Monthname Ntile Nullif PercentRank PercentileCont PercentileDisc Pow Quarter Rank RegexpExtract
RegexpFullMatch RegexpLike Right Round RowNumber Second Sign Skewness SplitPart Sqrt StartsWith Stddev StddevPop
StddevSamp StrPosition Substring Sum TimeToStr TimeToUnix TimestampTrunc Trim Trunc Upper Variance VariancePop Week
Xor Year
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())
# The functions that sqlglot has no class for.
ANONYMOUS = frozenset({"date_part", "date_sub", "entropy", "isfinite", "mad", "prefix", "product", "suffix", "weekday"})
_TYPES = """
TINYINT SMALLINT INT BIGINT INT128 UTINYINT USMALLINT UINT UBIGINT UINT128 FLOAT DOUBLE DECIMAL BOOLEAN DATE
TIMESTAMP TIMESTAMPNTZ TIME VARCHAR TEXT CHAR INTERVAL
"""
TYPES = frozenset(_TYPES.split())

# The same once more in DuckDB's own words, asked of DuckDB's own parser before a query runs.
_ENGINE_FUNCTIONS = """
% & * + - / // << >> | ~ ~~ ~~* !~~ !~~* abs any_value approx_count_distinct arg_max arg_min avg bool_and bool_or
ceil ceiling contains corr count count_if count_star cume_dist date_diff datediff date_part date_sub date_trunc day
dayname dayofweek dayofyear dense_rank ends_with entropy epoch exp first_value floor greatest hour ilike_escape
isfinite isnan isodow kurtosis lag last_day last_value lead least left length like_escape ln log log10 log2 lower
ltrim mad make_date max median min minute mode month monthname not_ilike_escape not_like_escape ntile nullif
percent_rank pow power prefix product quantile_cont quantile_disc quarter rank regexp_extract regexp_full_match
regexp_matches right round row_number rtrim second sign skewness split_part sqrt starts_with stddev stddev_pop
stddev_samp strftime strpos substr substring suffix sum to_days to_hours to_minutes to_months to_seconds to_weeks
to_years trim trunc upper var_pop var_samp variance week weekday xor year ** ^
"""
ENGINE_FUNCTIONS = frozenset(_ENGINE_FUNCTIONS.split())
ENGINE_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE"})
ENGINE_TABLES = frozenset({"BASE_TABLE", "EMPTY", "JOIN", "SUBQUERY"})
_EXPRESSIONS = (
    "BETWEEN CASE CAST COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION OPERATOR STAR SUBQUERY TYPE WINDOW"
)
ENGINE_EXPRESSIONS = frozenset(_EXPRESSIONS.split())

# What is no word of ours, and would read or change something outside: an attempt, not a mistake.
_REACHING = """
read_ write_ duckdb_ pragma_ parquet_ sniff_ query glob getenv getvariable set_config current_setting current_database
current_schema current_user which_secret http_ load_ install_ sqlite_ postgres_ mysql_ iceberg_ delta_ arrow_ seq_scan
checkpoint force_checkpoint nextval currval json_execute from_substrait enable_ disable_ add_parquet_key pg_ has_ scan_
"""
REACHING = tuple(_REACHING.split())
# The statements that change something, or reach out. What begins with another word than these and SELECT is a slip of
# the pen, also where DuckDB would read it: DESCRIBE, SUMMARIZE, FROM, TABLE.
_STATEMENTS = """
ALTER ANALYZE ATTACH BEGIN CALL CHECKPOINT COMMENT COMMIT COPY CREATE DEALLOCATE DELETE DETACH DROP EXECUTE EXPLAIN
EXPORT FORCE GRANT IMPORT INSERT INSTALL LOAD MERGE PRAGMA PREPARE REPLACE RESET REVOKE ROLLBACK SET START TRUNCATE
UPDATE USE VACUUM
"""
STATEMENTS = frozenset(_STATEMENTS.split())
