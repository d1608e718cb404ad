"""Every page of the site, in the order of its navigation; what is not listed is not made."""

from typing import NamedTuple


class Page(NamedTuple):
    """One page.

    Attributes:
        folder: Its folder in the site; the overview has none of its own.
        title: Its name in the navigation.
        module: Writes it: `write(published, folder)`.
        table: What people can ask when the page is not there.
    """

    folder: str
    title: str
    module: str
    table: str

    @property
    def name(self) -> str:
        """Returns the name on the command line."""
        return self.folder or "overview"


PAGES = (
    Page("", "Overview", "pages.overview", "insights.project_outlook"),
    Page("releases", "Release decisions", "pages.releases", "insights.release_decisions"),
    Page("experiments", "Experiments", "pages.experiments", "insights.experiment_readout"),
    Page("report", "Modeling report", "pages.report.page", "ml.model_metrics"),
    Page("monitoring", "Model monitoring", "pages.monitoring", "insights.drift_status"),
    Page("validation", "Validation", "pages.validation", "quality.validation_results"),
)
# Made by dbt and copied.
CATALOGUE = Page("dbt", "Tables", "", "")
# Drawn from what dbt compiled.
LINEAGE = Page("lineage", "Column lineage", "", "")
