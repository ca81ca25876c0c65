"""Where each part answers."""

from django.urls import include, path

from api.console.urls import console

urlpatterns = [path("", include("api.urls")), path("admin/", console.urls)]

handler400 = "api.problems.bad_request"
handler404 = "api.problems.not_found"
handler500 = "api.problems.server_error"
