"""What a worker imports before it is needed, and what it takes away from the interpreter for good."""

import _symbot.clock  # before all others

import _abc
import _codecs
import _csv
import _imp
import _thread
import abc
import atexit
import base64
import codecs
import collections
import contextlib
import copy
import datetime
import functools
import gc
import hashlib
import itertools
import json
import marshal
import math
import random
import re
import string
import sys
import typing
import uuid

import pydantic
import requests
import sym.sdk
import sym.sdk.exceptions
import sym.sdk.exceptions.identity
import sym.sdk.forms
import sym.sdk.models
import sym.sdk.notifications
import sym.sdk.secret
import sym.sdk.strategies
import sym.sdk.strategy
import sym.sdk.utils

import _symbot.driver
from _symbot import refusals


refusals.threads()
refusals.take(
    (sys, "addaudithook settrace setprofile _settraceallthreads _setprofileallthreads set_asyncgen_hooks setswitchinterval set_coroutine_origin_tracking_depth"),
    (sys, "_baserepl _clear_type_descriptors _current_exceptions _current_frames call_tracing"),
    (_abc, "_reset_registry _reset_caches"),
    (abc, "_reset_registry _reset_caches"),
    (codecs, "register register_error unregister"),
    (_codecs, "register register_error unregister _forget_codec _unregister_error"),
    (marshal, "load loads dump dumps"),
    (gc, "disable set_threshold set_debug freeze unfreeze get_objects get_referrers get_count get_freeze_count get_stats"),
    (_imp, "_fix_co_filename _frozen_module_names _override_frozen_modules_for_tests"),
    (_thread, "start_new_thread start_new start_joinable_thread interrupt_main stack_size _set_sentinel"),
)
gc.callbacks = gc.garbage = ()
# These find their Python twins when they are first called, and keep what they find.
for name in ("charmap_build", "charmap_decode", "charmap_encode", "readbuffer_encode"):
    function = refusals.twin("_pycodecs", name)
    for module in (_codecs, codecs):
        if hasattr(module, name):
            setattr(module, name, function)
# The names of dialects are in a table without an order.
_csv.list_dialects = refusals.in_order(_csv.list_dialects)
# `logging` registers something at import; a worker ends without running it.
atexit.register = atexit.unregister = lambda function, *args, **kwargs: function
if hasattr(sys, "monitoring"):
    del sys.monitoring
# Nobody's business.
sys.orig_argv = []
sys.executable = sys._base_executable = ""
# As the driver leaves them after each call.
sys.stdout = sys.stderr = None
# Codecs that a call is the first to use are forgotten after it. Those that come with more code are in `codec_cache`.
for name in ("utf-8", "ascii", "latin-1", "utf-8-sig"):
    "x".encode(name).decode(name)
