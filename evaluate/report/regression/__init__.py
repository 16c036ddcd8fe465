"""What a regression check tells others: JUnit XML, Markdown for a pull request, annotations on GitHub."""
