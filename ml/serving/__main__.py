"""Entry point of `python -m ml.serving`: one prediction for a person."""

import argparse
import getpass
import os
import sys
from functools import partial
from pathlib import Path

from ml.command import Parser, guarded, show, whole_number
from ml.serving.log import LOG_FILE
from ml.serving.predictor import LOG_FOLDER, Predictor
from ml.serving.summary import answer_lines


def main() -> int:
    """Predicts; returns 0, 1 when the client has to wait, or 2 for a wrong call."""
    return guarded("predict-one", partial(_predict, _parser().parse_args()))


def _predict(options: argparse.Namespace) -> int:
    predictor = Predictor(options.warehouse, limits=options.limits)
    client = options.client if options.client is not None else _user()
    if options.project is not None:
        answer = predictor.answer("project", options.project, client=client)
        question = f"project {options.project}: success"
    else:
        answer = predictor.answer("milestone", options.milestone, client=client)
        question = f"milestone {options.milestone}: high risk"
    log = options.warehouse / LOG_FOLDER / LOG_FILE
    return show("predict-one", answer_lines(answer, question, log))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        return f"uid {os.getuid()}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m ml.serving", description="Predicts one live project or open milestone."
    )
    entity = parser.add_mutually_exclusive_group(required=True)
    entity.add_argument("--project", type=whole_number, help="its id")
    entity.add_argument("--milestone", type=whole_number, help="its id")
    parser.add_argument("--warehouse", type=Path, required=True, help="folder of the warehouse")
    parser.add_argument("--client", help="who asks; by default the user of this process")
    parser.add_argument("--limits", help="URL of a storage of `limits`; by default a file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
