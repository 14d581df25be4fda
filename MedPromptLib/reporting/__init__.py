"""From results to a report: measured facts, sentences that can only say them, and a check that nothing else is said.

`measuring.measure` turns a run into `facts.FindingsSet`; `writing.write_report` turns that into a `writing.Report`,
whose text has passed `verifier.verify`; `documents` and `pdf` write it for people.
"""
