"""Labels to a model worth shipping: fitting, evaluation and the gate."""
