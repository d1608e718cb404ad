"""Every page of the site, in the order of its navigation; what is not listed is not made."""

from typing import NamedTuple


class Page(NamedTuple):
    """One page, or a folder of pages.

    Attributes:
        folder: Its folder in the site; the overview has none of its own.
        title: Its name in the navigation.
        module: Writes it: `write(published, site)`.
        table: What people can ask when the page is not there.
        is_in_navigation: Whether every page links to it; other pages link to the rest.
    """

    folder: str
    title: str
    module: str
    table: str
    is_in_navigation: bool = True

    @property
    def name(self) -> str:
        """Returns the name on the command line."""
        return self.folder or "overview"

    @property
    def path(self) -> str:
        """Returns the path from the folder of the site."""
        return f"{self.folder}/index.html" if self.folder else "index.html"


PAGES = (
    Page("", "Overview", "pages.overview", "insights.project_outlook"),
    Page("projects", "Projects", "pages.projects", "core.dim_projects"),
    Page("creators", "Creators", "pages.creators", "core.dim_creators", is_in_navigation=False),
    Page("releases", "Releases", "pages.releases", "insights.release_decisions"),
    Page("money", "Money", "pages.money", "core.fct_escrow_transactions"),
    Page("models", "Models", "pages.models", "ml.model_metrics"),
    Page("monitoring", "Monitoring", "pages.monitoring", "insights.drift_status"),
    Page("experiments", "Experiments", "pages.experiments", "insights.experiment_readout"),
    Page("bandit", "Bandit", "pages.bandit", "insights.release_policy"),
    Page("quality", "Data quality", "pages.quality", "quality.validation_results"),
    Page("catalogue", "Catalogue", "pages.catalogue", "information_schema.tables"),
    Page("report", "Modeling report", "pages.report.page", "ml.model_metrics", False),
    Page("validation", "Validation", "pages.validation", "quality.validation_results", False),
)
# Made by dbt and copied.
DBT_DOCS = Page("dbt", "dbt docs", "", "", False)
# Drawn from what dbt compiled.
LINEAGE = Page("lineage", "Column lineage", "", "", False)
_ALL = (*PAGES, DBT_DOCS, LINEAGE)
NAVIGATION = tuple(page for page in _ALL if page.is_in_navigation)
ASSETS = "assets"  # style, scripts and their licences, written once
FOLDERS = (ASSETS, *(page.folder for page in _ALL if page.folder))
