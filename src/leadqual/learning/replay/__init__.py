"""The parts of a backtest: plan, steps, figures and page."""
