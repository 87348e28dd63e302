"""The report of a backtest: one HTML file that needs no network. Pure: no clock, no log.

    html = render(report_data(inputs))

`inputs` is what it is made of, `data` all of its numbers, `page` the file.
"""

from cointrader.backtest.report.data import ReportData, report_data
from cointrader.backtest.report.page import render

__all__ = ["ReportData", "render", "report_data"]
