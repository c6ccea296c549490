"""What monitoring rules cost: in the worker that asks them, and in a backtest."""
