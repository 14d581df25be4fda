"""A batch inside 3D Slicer; copy and change it as you like.

Slicer --no-main-window --no-splash --python-script batch.py --prompt "Segment the lungs." --input films --out results

The same line again goes on where it was. It runs as well with a Python that has medprompt-slicer and slicer-core.
"""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # where MedPromptLib lies if no module path names it


def main(arguments):
    """Run the batch; returns the exit code."""
    parser = argparse.ArgumentParser(prog="batch.py", description="MedPrompt on many images. Research use only.")
    parser.add_argument("--prompt", default="", help="for all images that have none of their own in the table")
    parser.add_argument("--input", required=True, help="folder of images or DICOM files, or a .csv with a column input")
    parser.add_argument("--out", required=True, help="one folder a case, results.csv, cases.csv and index.html")
    parser.add_argument("--retry-failed", action="store_true", help="only try again what failed")
    parser.add_argument("--yes", action="store_true", help="run a plan that would have to be confirmed first")
    options = parser.parse_args(arguments)

    from MedPromptLib import batch
    from MedPromptLib.errors import MedPromptError

    def show(progress):
        print(progress.message or f"{progress.finished} of {progress.total}", flush=True)

    try:
        report = batch.run(
            options.prompt,
            input=options.input,
            out=options.out,
            retry_failed=options.retry_failed,
            confirm=lambda verdict: options.yes,
            report=show,
        )
    except MedPromptError as error:
        print(f"batch.py: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{report.done} done, {report.same} were there already, {len(report.failures)} failed: {report.out}")
    return 1 if report.failures else 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    if "slicer" in sys.modules and hasattr(sys.modules["slicer"], "app"):
        sys.modules["slicer"].util.exit(code)
    else:
        sys.exit(code)
