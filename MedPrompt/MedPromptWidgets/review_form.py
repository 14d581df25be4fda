"""The widgets of the page Review, without their behaviour."""

import qt
from slicer.i18n import tr as _

from . import style
from .reporting import Reporter

ITEM, RESULT, DECISION, QUALITY = range(4)


class ReviewForm:
    """Makes the widgets and lays them out.

    Attributes:
        widget: the page.
    """

    def __init__(self):
        self.widget = qt.QWidget()
        self.widget.name = "reviewPage"
        self.widget.setFocusPolicy(qt.Qt.StrongFocus)
        layout = qt.QVBoxLayout()
        self.widget.setLayout(layout)

        self.caseLabel = style.label(name="caseLabel")
        layout.addWidget(self.caseLabel)
        self.openButton = style.button(
            _("Open batch…"), "openBatchButton", _("A folder of results of `medprompt run --out`.")
        )
        self.previousButton = style.button(_("◀ Case"), "previousCaseButton", _("The case before (P)."))
        self.nextButton = style.button(_("Case ▶"), "nextCaseButton", _("The next case (N)."))
        layout.addLayout(style.row(self.openButton, self.previousButton, self.nextButton, None))

        self.table = qt.QTableWidget(0, 4)
        self.table.name = "reviewTable"
        self.table.setHorizontalHeaderLabels([_("Result"), _("Model output"), _("Decision"), _("Quality")])
        self.table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        self.table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        self.table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        self.table.setFocusPolicy(qt.Qt.NoFocus)  # Its own keys would take Up, Down and letters.
        self.table.verticalHeader().setVisible(False)
        self.table.setVerticalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(ITEM, qt.QHeaderView.Stretch)
        for column, width in ((RESULT, 104), (DECISION, 92), (QUALITY, 56)):
            header.setSectionResizeMode(column, qt.QHeaderView.Fixed)
            self.table.setColumnWidth(column, width)
        self.table.connect("itemSelectionChanged()", self._onSelected)
        layout.addWidget(self.table)

        self.acceptButton = style.button(_("✓ Accept"), "acceptButton", _("The result is right (A)."))
        self.editButton = style.button(_("✎ Edit"), "editButton", _("Correct it in the Segment Editor (E)."))
        self.rejectButton = style.button(_("✗ Reject"), "rejectButton", _("The result is wrong and is not used (R)."))
        self.doneButton = style.button(_("Editing done"), "doneEditingButton", _("Compare with the proposal (D)."))
        layout.addLayout(style.row(self.acceptButton, self.editButton, self.rejectButton))
        layout.addWidget(self.doneButton)

        self.classSelector = qt.QComboBox()
        self.classSelector.name = "classSelector"
        self.classSelector.toolTip = _("The right class; choosing another one than the model's is an edit.")
        self.classLabel = style.label(_("Right class:"), "classLabel", wrap=False)
        layout.addLayout(style.row(self.classLabel, self.classSelector))
        self.agreementLabel = style.label(name="agreementLabel")
        layout.addWidget(self.agreementLabel)

        form = qt.QFormLayout()
        self.qualitySelector = qt.QComboBox()
        self.qualitySelector.name = "qualitySelector"
        for text in (_("not rated"), _("1 unusable"), _("2 poor"), _("3 fair"), _("4 good"), _("5 perfect")):
            self.qualitySelector.addItem(text)
        form.addRow(_("Quality:"), self.qualitySelector)
        self.commentEdit = qt.QLineEdit()
        self.commentEdit.name = "commentEdit"
        self.commentEdit.setPlaceholderText(_("Comment (C), Enter keeps it"))
        form.addRow(_("Comment:"), self.commentEdit)
        self.reviewerEdit = qt.QLineEdit(style.setting("reviewer"))
        self.reviewerEdit.name = "reviewerEdit"
        self.reviewerEdit.setPlaceholderText(_("Your name or initials"))
        form.addRow(_("Reviewer:"), self.reviewerEdit)
        layout.addLayout(form)

        self.csvButton = style.button(_("Export CSV…"), "exportCsvButton", _("Every decision, one line each."))
        self.setButton = style.button(
            _("Export training set…"),
            "exportSetButton",
            _("Images and corrected masks in the form that `medprompt train` reads, one set per weight."),
        )
        layout.addLayout(style.row(self.csvButton, self.setButton, None))
        self.statusLabel = style.label(name="reviewStatusLabel", selectable=True)
        self.reporter = Reporter(self.statusLabel, _("The review failed unexpectedly."))
        layout.addWidget(self.statusLabel)
        self.keysLabel = style.label(
            _("Keys: A accept, E edit, D done, R reject, 1–5 quality, C comment, ↑ ↓ result, N P case."), "keysLabel"
        )
        layout.addWidget(self.keysLabel)
        layout.addStretch(1)
