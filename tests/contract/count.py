"""Print how many contract tests each function and each code of the terminal has."""

from tests.contract.covers import table

if __name__ == "__main__":
    print(table())  # noqa: T201 - printing is its one job
