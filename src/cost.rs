//! What seconds on an instance cost: one arithmetic for deciding, accounting and backtesting.
