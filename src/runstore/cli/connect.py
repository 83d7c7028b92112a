"""The options that say where runs are -> a client. All commands that read or write share them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from runstore.client.sync import Client

WHERE = Group("Where the runs are", sort_key=9)


@Parameter(name="*", group=WHERE)
@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A server, or a folder."""

    target: Annotated[
        str | None,
        Parameter(
            name=("--target", "-t"),
            help="URL of Runstore or LangSmith, or a folder. Default: LANGSMITH_ENDPOINT",
        ),
    ] = None
    api_key: Annotated[str | None, Parameter(help="Default: LANGSMITH_API_KEY")] = None
    workspace: Annotated[
        str | None, Parameter(help="Of LangSmith. Default: LANGSMITH_WORKSPACE_ID")
    ] = None

    def open(self) -> "Client":
        """To be closed by the caller. Raises InvalidArgument for a target that is none."""
        from runstore.client.sync import Client

        return Client(self.target, api_key=self.api_key, workspace_id=self.workspace)


HERE = Connection()
"""What the environment says."""
