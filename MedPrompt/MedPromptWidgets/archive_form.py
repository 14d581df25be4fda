"""The widgets of the page Archive, without their behaviour."""

import qt
from slicer.i18n import tr as _

from . import style
from .reporting import Reporter

WHAT, SIZE, DECISION, RUN = range(4)


class ArchiveForm:
    """Makes the widgets and lays them out.

    Attributes:
        widget: the page.
    """

    def __init__(self):
        self.widget = qt.QWidget()
        self.widget.name = "archivePage"
        layout = qt.QVBoxLayout()
        self.widget.setLayout(layout)
        self._addFile(layout)
        self._addFiling(layout)
        self._addSearch(layout)
        self.statusLabel = style.label(name="archiveStatusLabel", selectable=True)
        self.reporter = Reporter(self.statusLabel, _("The archive failed unexpectedly."))
        layout.addWidget(self.statusLabel)
        self._addHits(layout)
        self.privacyLabel = style.label(
            _(
                "Privacy: the archive is a file on this computer. Identifiers of DICOM headers, file names and what "
                "looks like a name in a prompt become pseudonyms before they are stored; pixels stay as they are, "
                "with whatever is written or recognisable in them. Reviewers are kept by name. See Privacy and audit "
                "in the documentation."
            ),
            "archivePrivacyLabel",
        )
        layout.addWidget(self.privacyLabel)
        layout.addStretch(1)

    def _addFile(self, layout):
        self.pathLabel = style.label(name="archivePathLabel")
        layout.addWidget(self.pathLabel)
        self.openButton = style.button(_("Open…"), "openArchiveButton", _("An archive that is there already."))
        self.newButton = style.button(_("New…"), "newArchiveButton", _("Make an empty archive."))
        self.encryptCheck = qt.QCheckBox(_("encrypted"))
        self.encryptCheck.name = "encryptArchiveCheck"
        self.encryptCheck.toolTip = _("Encrypt a new archive as a whole; who loses its secret loses it.")
        layout.addLayout(style.row(self.openButton, self.newButton, self.encryptCheck, None))

    def _addFiling(self, layout):
        self.fileButton = style.button(
            _("File this run"),
            "fileRunButton",
            _("Scene, findings, report and decisions of the run that is shown; once filed, its new decisions."),
        )
        self.projectEdit = self._edit("projectEdit", _("Project"), _("A label under which the run is filed."))
        self.subjectEdit = self._edit(
            "subjectEdit", _("Subject's number"), _("Whose image it is; only a pseudonym of it is stored.")
        )
        layout.addLayout(style.row(self.fileButton, self.projectEdit, self.subjectEdit))

    def _addSearch(self, layout):
        self.wordsEdit = self._edit(
            "archiveWordsEdit",
            _("lung > 100 cm², accepted"),
            _("Words, sizes and decisions; quotes keep words together, a minus leaves out."),
        )
        self.searchButton = style.button(_("Search"), "archiveSearchButton", _("Enter in the field does the same."))
        layout.addLayout(style.row(self.wordsEdit, self.searchButton))
        form = qt.QFormLayout()
        self.weightSelector = style.selector("archiveWeightSelector", (_("any"),), _("Which weight gave the finding."))
        self.weightSelector.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.weightSelector.setMinimumContentsLength(18)
        form.addRow(_("Weight:"), self.weightSelector)
        self.sinceEdit = self._edit("archiveSinceEdit", "2026-01-01", _("First day of the run."))
        self.untilEdit = self._edit("archiveUntilEdit", "2026-12-31", _("Last day of the run."))
        form.addRow(_("From, to:"), style.row(self.sinceEdit, self.untilEdit))
        self.reviewerEdit = self._edit("archiveReviewerEdit", _("anybody"), _("Who decided."))
        form.addRow(_("Reviewer:"), self.reviewerEdit)
        layout.addLayout(form)
        self.imagesButton = style.button(
            _("Similar images"),
            "similarImagesButton",
            _("Runs on images that resemble the one chosen on the page Analyse, in brightness, edges and colour."),
        )
        self.findingsButton = style.button(
            _("Similar findings"), "similarFindingsButton", _("Findings that resemble the selected one.")
        )
        layout.addLayout(style.row(self.imagesButton, self.findingsButton, None))

    def _addHits(self, layout):
        self.table = qt.QTableWidget(0, 4)
        self.table.name = "hitTable"
        self.table.setHorizontalHeaderLabels([_("Found"), _("Size"), _("Decision"), _("Run")])
        self.table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        self.table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        self.table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        self.table.verticalHeader().setVisible(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(WHAT, qt.QHeaderView.Stretch)
        for column, width in ((SIZE, 72), (DECISION, 72), (RUN, 86)):
            header.setSectionResizeMode(column, qt.QHeaderView.Fixed)
            self.table.setColumnWidth(column, width)
        layout.addWidget(self.table)
        self.hitLabel = style.label(name="hitLabel", selectable=True)
        layout.addWidget(self.hitLabel)
        self.openRunButton = style.button(
            _("Open in the scene"), "openRunButton", _("Image, results and decisions, instead of the present scene.")
        )
        self.tableButton = style.button(
            _("Table node"), "hitsNodeButton", _("What was found, as a table in the scene.")
        )
        layout.addLayout(style.row(self.openRunButton, self.tableButton, None))

    @staticmethod
    def _edit(name, placeholder, toolTip):
        made = qt.QLineEdit()
        made.name = name
        made.setPlaceholderText(placeholder)
        made.toolTip = toolTip
        return made
