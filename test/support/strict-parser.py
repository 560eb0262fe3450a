# Parses an exposition with prometheus_client's own parsers, and prints its families as JSON.
# Usage: python3 strict-parser.py prometheus|openmetrics < TEXT
import json
import sys

from prometheus_client import openmetrics, parser
from prometheus_client.openmetrics import parser as strict

text = sys.stdin.buffer.read().decode("utf-8")
# Universal newlines would split a label value that has a carriage return.
parse = strict.text_string_to_metric_families if sys.argv[1] == "openmetrics" else parser.text_string_to_metric_families
families = [
    {
        "name": family.name,
        "type": family.type,
        "help": family.documentation,
        "unit": family.unit,
        "samples": [[sample.name, sample.labels, repr(float(sample.value))] for sample in family.samples],
    }
    for family in parse(text)
]
json.dump(families, sys.stdout)
