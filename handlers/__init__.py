import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()  # imports make next to no garbage: looking for it takes a tenth of a cold start; see environment.py
