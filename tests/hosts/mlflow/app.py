"""MLflow's scoring server, with guard as its app's middleware."""

import os
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
import uvicorn
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.scoring_server import init

from guard import GuardMiddleware


class Summing(mlflow.pyfunc.PythonModel):
    """Sums the two columns."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        """Give the sum of each row."""
        return (model_input["a"] + model_input["b"]).tolist()


def signature() -> ModelSignature:
    """Two columns of numbers, and one of results."""
    return infer_signature(pd.DataFrame({"a": [1.5], "b": [2.5]}), pd.Series([4.0]))


if __name__ == "__main__":
    path = Path(os.environ["HOST_SCRATCH"]) / "model"
    mlflow.pyfunc.save_model(path, python_model=Summing(), signature=signature(), pip_requirements=[])
    app = init(mlflow.pyfunc.load_model(str(path)))
    app.add_middleware(GuardMiddleware)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["HOST_PORT"]), lifespan="on")
