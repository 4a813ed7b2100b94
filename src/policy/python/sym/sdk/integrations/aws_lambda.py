"""AWS Lambda: declared so that flows load; calls raise ``AWSLambdaError`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.aws import AWSLambdaError as _AWSLambdaError

__all__ = ["invoke", "invoke_async"]


def invoke(arn, payload=None):
    raise _unavailable(_AWSLambdaError, "AWS Lambda")


def invoke_async(arn, payload=None):
    raise _unavailable(_AWSLambdaError, "AWS Lambda")
