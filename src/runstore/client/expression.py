"""F."""


class Expression:
    pass


F = Expression()
