"""Which exporter writes which format."""

from oakum.adapters.exports.cyclonedx_vex import cyclonedx_vex
from oakum.adapters.exports.openvex import openvex
from oakum.adapters.exports.sarif import sarif
from oakum.adapters.exports.tables import csv_table, json_document, json_lines
from oakum.ports.exports import Exporter, ExportFormat

EXPORTERS: dict[ExportFormat, Exporter] = {
    ExportFormat.CSV: csv_table,
    ExportFormat.JSON: json_document,
    ExportFormat.JSONL: json_lines,
    ExportFormat.SARIF: sarif,
    ExportFormat.CYCLONEDX: cyclonedx_vex,
    ExportFormat.OPENVEX: openvex,
}
