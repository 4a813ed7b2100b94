"""Errors of the AWS integrations."""

from .sym_exception import SymException

__all__ = ["AWSError", "AWSIAMError", "AWSLambdaError", "AWSSSOError"]


class AWSError(SymException):
    """Base of the AWS errors."""

    def __init__(self, name, message, error_type="AWS"):
        super().__init__(error_type=error_type, name=name, message=message)


class AWSLambdaError(AWSError):
    """Raised by the ``aws_lambda`` functions."""

    def __init__(self, name, message):
        super().__init__(name, message, error_type="AWSLambda")


class AWSIAMError(AWSError):
    """Raised by the ``aws_iam`` functions."""

    def __init__(self, name, message):
        super().__init__(name, message, error_type="AWSIAM")


class AWSSSOError(AWSError):
    """Raised by the ``aws_sso`` functions."""

    def __init__(self, name, message):
        super().__init__(name, message, error_type="AWSSSO")
